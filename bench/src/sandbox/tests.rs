use super::*;

fn launch(script: &str, patience: Duration) -> Launch {
    Launch {
        command: ["/bin/sh", "-c", script].map(str::to_owned).into(),
        instrument: Vec::new(),
        directory: "/".into(),
        environment: BTreeMap::from([("MARK".to_owned(), "set".to_owned())]),
        core: None,
        patience,
    }
}

#[tokio::test]
async fn a_process_that_dies_says_why() {
    let problem = Sandbox::start(&launch("echo out of $MARK; exit 3", Duration::from_secs(10))).await.unwrap_err();
    assert_eq!(problem.0, "the process ended: exit status: 3; it printed:\nout of set");
}

#[tokio::test]
async fn a_process_that_never_asks_is_ended() {
    let problem = Sandbox::start(&launch("echo $$; exec sleep 60", Duration::from_millis(300))).await.unwrap_err();
    let (words, pid) = problem.0.rsplit_once('\n').unwrap();
    assert_eq!(words, "the function asked for no event within 300ms; it printed:");
    assert!(!PathBuf::from(format!("/proc/{pid}")).exists(), "it lives on");
}

#[tokio::test]
async fn nothing_of_this_process_is_in_the_environment() {
    let problem = Sandbox::start(&launch("env | cut -d= -f1 | sort | tr '\\n' ' '; exit 1", Duration::from_secs(10))).await.unwrap_err();
    // Shells add the working directory, some also the last command.
    let names = problem.0.rsplit_once('\n').unwrap().1.replace("OLDPWD ", "").replace("_ ", "");
    assert_eq!(names, "AWS_LAMBDA_RUNTIME_API MARK PWD");
}
