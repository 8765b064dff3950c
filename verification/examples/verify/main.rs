//! `make verify`: runs every part at length, and writes the report.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use lexopt::prelude::*;
use local::{
    Problem, problem,
    recording::{self, Environment},
};
use verification::{parts::PARTS, recorded_run::RecordedRun, report::Scale};

const USAGE: &str = "verify [--short] [--seed N] [--only PART] [--add FILE] [--out DIR]";

struct Settings {
    scale: Scale,
    only: Option<String>,
    /// A file with the section of another program.
    add: Option<PathBuf>,
    out: Option<PathBuf>,
}

impl Settings {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Problem> {
        Self::read(lexopt::Parser::from_args(arguments)).map_err(|error| problem!("{error}. Usage: {USAGE}"))
    }

    fn read(mut arguments: lexopt::Parser) -> Result<Self, lexopt::Error> {
        let mut settings = Self { scale: Scale { seed: 1, long: true }, only: None, add: None, out: None };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("short") => settings.scale.long = false,
                Long("seed") => settings.scale.seed = arguments.value()?.parse()?,
                Long("only") => settings.only = Some(arguments.value()?.parse_with(part)?),
                Long("add") => settings.add = Some(arguments.value()?.into()),
                Long("out") => settings.out = Some(arguments.value()?.into()),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(settings)
    }
}

/// The name of a part.
fn part(name: &str) -> Result<String, String> {
    let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
    if names.contains(&name) { Ok(name.to_owned()) } else { Err(format!("the parts are {}", names.join(", "))) }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(failures) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(failures) => {
            eprintln!("\nFailures:\n{}", failures.join("\n"));
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("make verify: {problem}.");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<Vec<String>, Problem> {
    let settings = Settings::parse(std::env::args().skip(1))?;
    let (environment, engine, started) = (Environment::here(), engine()?, Instant::now());
    let mut sections = Vec::new();
    for part in PARTS.iter().filter(|part| settings.only.as_ref().is_none_or(|only| part.name == only)) {
        let part_started = Instant::now();
        println!("\n== {}", part.name);
        let section = (part.run)(settings.scale).await;
        for figure in &section.figures {
            println!("{:>12}  {}", figure.value, figure.what);
        }
        println!("{:>12}  seconds", part_started.elapsed().as_secs());
        sections.push(section);
    }
    if let Some(file) = &settings.add {
        sections.push(recording::read(file)?);
    }
    let run = RecordedRun { seed: settings.scale.seed, engine, environment, seconds: started.elapsed().as_secs(), sections };
    // The report needs all parts.
    if let (Some(folder), None) = (&settings.out, &settings.only) {
        recording::write(&run, &folder.join("verification.json"))?;
        let file = folder.join("verification.md");
        fs::write(&file, run.markdown()).map_err(|error| problem!("{}: {error}", file.display()))?;
    }
    Ok(run.failures())
}

/// The embedded engine with its version from the lock file.
fn engine() -> Result<String, Problem> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
    let lock = fs::read_to_string(&file).map_err(|error| problem!("{}: {error}", file.display()))?;
    let version = lock.split("[[package]]").find(|package| package.contains("name = \"dynoxide-rs\"\n")).and_then(|package| {
        let line = package.lines().find(|line| line.starts_with("version"))?;
        line.split('"').nth(1).map(str::to_owned)
    });
    version.map(|version| format!("dynoxide-rs {version}, embedded")).ok_or_else(|| problem!("the engine is not in Cargo.lock"))
}
