//! The script of `docs/api.md` that imports a CSV file, as it stands there, over HTTP.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Output},
    sync::Arc,
};

use serde_json::json;
use support::{Call, Response, TestApp, root_file};
use tokio::runtime::Handle;

use crate::helpers::charged;

/// The only Python block of the page.
fn script() -> String {
    let page = root_file("docs/api.md");
    let mut blocks = page.split("```python\n").skip(1).map(|rest| rest.split("```").next().expect("the block ends"));
    let script = blocks.next().expect("there is a block").to_owned();
    assert_eq!(blocks.next(), None);
    script
}

/// The request that a connection sends.
fn read(stream: &TcpStream) -> Call {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).expect("the client sends text");
        line.trim_end().to_owned()
    };
    let start = line();
    let [method, path, _] = start.split(' ').collect::<Vec<_>>()[..] else { panic!("no request: {start}") };
    let (mut call, mut length) = (Call::new(method, path), 0);
    loop {
        let header = line();
        let Some((name, value)) = header.split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().expect("a number");
        }
        call = call.header(&name.to_lowercase(), value);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the client sends the whole body");
    call.text(std::str::from_utf8(&body).expect("JSON is UTF-8"))
}

fn write(mut stream: &TcpStream, Response { status, headers, text }: &Response) {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = text.len();
    // The client may be gone.
    let _ = write!(stream, "HTTP/1.1 {status} OK\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{text}");
}

/// Serves the app until the test ends. The first response to each second request is lost.
fn serve(app: &Arc<TestApp>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port exists");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (app, runtime) = (Arc::clone(app), Handle::current());
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let stream = stream.expect("a connection");
            let response = runtime.block_on(app.send(read(&stream)));
            if number % 3 != 1 {
                write(&stream, &response);
            }
        }
    });
    url
}

/// Runs the script over a file.
async fn import(app: &Arc<TestApp>, url: &str, file: &str) -> Output {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&app.table);
    fs::create_dir_all(&directory).expect("a directory for the test");
    // The pauses after lost responses, and for the quota, would make the test slow.
    fs::write(directory.join("import.py"), script().replace("time.sleep(2)", "time.sleep(0)")).expect("a file can be written");
    fs::write(directory.join("members.csv"), file).expect("a file can be written");
    let mut python = Command::new("python3");
    python.current_dir(&directory).env("API_URL", url).env("API_KEY", &app.full).env("NO_PROXY", "*");
    python.args(["import.py", "members.csv", "--yes"]);
    tokio::task::spawn_blocking(move || python.output().expect("python3 runs")).await.expect("it does not panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_script_invites_everyone_in_a_file_once() {
    let app = Arc::new(TestApp::start().await);
    let url = serve(&app);
    app.invite("user-7@example.com").await;
    let mut file: Vec<String> = vec!["\u{feff}roleID,email,metadata.team,locale".to_owned()];
    file.extend(
        (0..250).map(|number| format!("full-access,user-{number}@example.com,\"A, B\",{}", if number % 2 == 0 { "de" } else { "" })),
    );
    file[11] = "full-access,nobody,,".to_owned();
    file[12] = ",user-11@example.com,,".to_owned();
    file[13] = "full-access,USER-5@example.com,,".to_owned();
    let open = app.send(Call::get("/invitations").key(&app.full)).await.expect(200).json()["invitations"][0]["id"].clone();
    let open = open.as_str().expect("an id");

    let output = import(&app, &url, &file.join("\n")).await;
    let printed = String::from_utf8(output.stdout).expect("UTF-8");
    let expected = format!(
        "line 14: the same address as in line 7\n\
         line 9: email: this address already has an open invitation, {open}; resend or revoke that one\n\
         line 12: email: 'nobody' is not an e-mail address\n\
         line 13: roleID: is required\n\
         246 of 249 can be invited.\n246 were invited.\n"
    );
    assert_eq!((printed.as_str(), String::from_utf8_lossy(&output.stderr).as_ref()), (expected.as_str(), ""));
    assert_eq!(charged(&app).await, 247);
    let german = app.send(Call::get("/invitations?email=user-8@example.com").key(&app.full)).await.expect(200);
    let found = german.json()["invitations"].as_array().cloned().expect("a list");
    assert_eq!(found.iter().map(|it| &it["metadata"]).collect::<Vec<_>>(), [&json!({ "team": "A, B" })]);

    let again = import(&app, &url, &file.join("\n")).await;
    assert!(String::from_utf8_lossy(&again.stdout).ends_with("\n0 of 249 can be invited.\n"), "{again:?}");
    assert_eq!(charged(&app).await, 247);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_script_names_columns_that_it_does_not_know() {
    let app = Arc::new(TestApp::start().await);
    let output = import(&app, "http://127.0.0.1:9", "email,roleId,metadata.team\nann@example.com,full-access,A\n").await;
    assert_eq!((output.status.success(), String::from_utf8_lossy(&output.stderr).as_ref()), (false, "unknown columns: roleId\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_script_prints_an_error_of_the_whole_request() {
    let app = Arc::new(TestApp::start().await);
    let url = serve(&app);
    let refused = app.new_key(support::ACCOUNT, "read-only").await;
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(&app.table);
    fs::create_dir_all(&directory).expect("a directory for the test");
    fs::write(directory.join("import.py"), script()).expect("a file can be written");
    fs::write(directory.join("members.csv"), "email,roleID\nann@example.com,full-access\n").expect("a file can be written");
    let mut python = Command::new("python3");
    python.current_dir(&directory).env("API_URL", url).env("API_KEY", refused).env("NO_PROXY", "*").args(["import.py", "members.csv"]);
    let output = tokio::task::spawn_blocking(move || python.output().expect("python3 runs")).await.expect("it does not panic");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("\"code\":\"forbidden\""), "{output:?}");
}
