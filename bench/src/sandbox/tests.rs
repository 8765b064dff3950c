use super::*;

fn launch(script: &str, timeout: Duration) -> Launch {
    Launch {
        command: ["/bin/sh", "-c", script].map(str::to_owned).into(),
        instrument: Vec::new(),
        directory: "/".into(),
        environment: BTreeMap::from([("MARK".to_owned(), "set".to_owned())]),
        core: None,
        timeout,
    }
}

#[tokio::test]
async fn the_error_of_an_ended_process_contains_its_output() {
    let problem = Sandbox::start(&launch("echo out of $MARK; exit 3", Duration::from_secs(10))).await.unwrap_err();
    assert_eq!(problem.0, "the process ended: exit status: 3; it printed:\nout of set");
}

#[tokio::test]
async fn a_process_that_requests_no_event_is_ended() {
    let problem = Sandbox::start(&launch("echo $$; exec sleep 60", Duration::from_millis(300))).await.unwrap_err();
    let (words, pid) = problem.0.rsplit_once('\n').unwrap();
    assert_eq!(words, "the function requested no event within 300ms; it printed:");
    assert!(!PathBuf::from(format!("/proc/{pid}")).exists(), "it is still running");
}

#[tokio::test]
async fn the_process_inherits_no_environment() {
    let problem = Sandbox::start(&launch("env | cut -d= -f1 | sort | tr '\\n' ' '; exit 1", Duration::from_secs(10))).await.unwrap_err();
    // Shells add the working directory, and some the last command.
    let names = problem.0.rsplit_once('\n').unwrap().1.replace("OLDPWD ", "").replace("_ ", "");
    assert_eq!(names, "AWS_LAMBDA_RUNTIME_API MARK PWD");
}
