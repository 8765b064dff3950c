use std::process::Stdio;

use tokio::process::Command;

use super::*;

/// The log of a process that has written a line to each stream.
async fn log() -> FunctionLog {
    let log = FunctionLog::new();
    let mut command = Command::new("sh");
    command.args(["-c", "echo out; echo error >&2"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    log.read(&mut command.spawn().unwrap());
    log.end().await;
    log
}

fn held(log: &FunctionLog) -> Option<Vec<String>> {
    match &*lock(&log.mode) {
        Mode::Held(lines) => Some(lines.iter().map(|(_, line)| String::from_utf8_lossy(line).into_owned()).collect()),
        Mode::Shown => None,
    }
}

#[tokio::test]
async fn lines_of_both_streams_are_held_until_they_are_shown() {
    let log = log().await;
    let mut lines = held(&log).unwrap();
    lines.sort();
    assert_eq!(lines, ["error\n", "out\n"]);
    log.show();
    assert_eq!(held(&log), None);
}

#[tokio::test]
async fn no_line_is_held_once_the_service_is_ready() {
    let log = log().await;
    log.show_from_now_on();
    assert_eq!(held(&log), None);
}
