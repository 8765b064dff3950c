//! The settings of `make run`: ports, state folder, concurrency, reload, schedules, faults, webhook and origins. The functions' own
//! variables are not read here; the functions inherit the environment of `make run`.

use std::{
    env, fs,
    io::ErrorKind,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use serde_yaml_ng::Value;

use crate::{
    gateway::Origins,
    output::{Problem, problem},
    webhook::Webhook,
};

/// The name of the table.
pub(crate) const TABLE_NAME: &str = "invitations";

/// The settings, each from one environment variable.
pub(crate) struct Settings {
    /// `PORT`: the port of the API.
    pub(crate) port: u16,
    /// `DYNAMODB_PORT`: the port of the engine.
    pub(crate) dynamodb_port: u16,
    /// `INBOX_PORT`: the port of the tabs, among them the emails.
    pub(crate) inbox_port: u16,
    /// `ISSUER_PORT`: the port of the development issuer.
    pub(crate) issuer_port: u16,
    /// `STATE_DIR`: the folder of the database, the secrets and the development keys.
    pub(crate) state_dir: PathBuf,
    /// `CONCURRENCY`: the maximum number of concurrent instances of a function.
    pub(crate) concurrency: u16,
    /// `RELOAD`: whether a changed source file restarts the functions.
    pub(crate) reload: bool,
    /// `RECONCILE_SECONDS`: the pause between runs of the reconciler.
    pub(crate) reconcile_every: Duration,
    /// `REFRESH_SECONDS`: the pause between refreshes of the issuers' keys.
    pub(crate) refresh_every: Duration,
    /// `FAULTS`: the percentage of the functions' requests to DynamoDB with an injected fault.
    pub(crate) faults: u32,
    /// `WEBHOOK_URL` and `WEBHOOK_KEY`: a receiver of events.
    pub(crate) webhook: Option<Webhook>,
    /// `CORS_ORIGINS`: the origins whose pages may call the API.
    pub(crate) cors_origins: Origins,
    /// `CARGO_LAMBDA`: the path of the program.
    pub(crate) cargo_lambda: PathBuf,
}

impl Settings {
    pub(crate) fn from_env() -> Result<Self, Problem> {
        Ok(Self {
            port: number("PORT", 9000)?,
            dynamodb_port: number("DYNAMODB_PORT", 8000)?,
            inbox_port: number("INBOX_PORT", 9100)?,
            issuer_port: number("ISSUER_PORT", 9200)?,
            state_dir: text("STATE_DIR", ".local")?.into(),
            concurrency: number("CONCURRENCY", 1)?,
            reload: match text("RELOAD", "yes")?.as_str() {
                "yes" => true,
                "no" => false,
                other => return Err(problem!("RELOAD is '{other}', but must be yes or no")),
            },
            reconcile_every: Duration::from_secs(number("RECONCILE_SECONDS", 60)?.into()),
            refresh_every: Duration::from_secs(number("REFRESH_SECONDS", 60)?.into()),
            faults: match text("FAULTS", "0")?.parse() {
                Ok(percent @ 0..=100) => percent,
                _ => return Err(problem!("FAULTS must be a number from 0 to 100")),
            },
            webhook: Webhook::parse(&text("WEBHOOK_URL", "")?, &text("WEBHOOK_KEY", "")?)?,
            cors_origins: Origins::parse(optional("CORS_ORIGINS")?.as_deref())?,
            cargo_lambda: text("CARGO_LAMBDA", ".local/tools/cargo-lambda/bin/cargo-lambda")?.into(),
        })
    }

    pub(crate) fn check_tools(&self) -> Result<(), Problem> {
        if self.cargo_lambda.is_file() {
            return Ok(());
        }
        Err(problem!("cargo-lambda does not exist at {}; `make tools` installs it", self.cargo_lambda.display()))
    }
}

fn optional(name: &str) -> Result<Option<String>, Problem> {
    match env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(problem!("{name} is not UTF-8")),
    }
}

fn text(name: &str, default: &str) -> Result<String, Problem> {
    Ok(optional(name)?.filter(|value| !value.is_empty()).unwrap_or_else(|| default.into()))
}

fn number(name: &str, default: u16) -> Result<u16, Problem> {
    let value = text(name, &default.to_string())?;
    match value.parse() {
        Ok(0) | Err(_) => Err(problem!("{name} is '{value}', but must be a number from 1 to 65535")),
        Ok(number) => Ok(number),
    }
}

/// Binds a port of loopback. The error names the variable for another port.
pub(crate) fn bind(port: u16, name: &str) -> Result<TcpListener, Problem> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => problem!("port {port} is taken; stop the process that uses it, or choose another with `make run {name}=…`"),
        _ => problem!("port {port} cannot be used: {error}"),
    })
}

/// The text of the template, which defines the table and the routes.
pub(crate) fn template() -> Result<String, Problem> {
    fs::read_to_string("template.yaml").map_err(|e| problem!("template.yaml cannot be read: {e}"))
}

/// Method and path of every route of the template.
pub(crate) fn routes(template: &str) -> Result<Vec<(String, String)>, Problem> {
    events(template, "HttpApi", |_, properties| Some((text_at(properties, "Method")?, text_at(properties, "Path")?)))
}

/// A function that runs on a schedule.
pub(crate) struct Schedule {
    pub(crate) function: String,
    pub(crate) every: Duration,
}

/// The schedules of the template.
pub(crate) fn schedules(template: &str) -> Result<Vec<Schedule>, Problem> {
    events(template, "Schedule", |resource, properties| {
        let function = text_at(resource.get("Metadata")?.get("BuildProperties")?, "Binary")?;
        Some(Schedule { function, every: rate(properties.get("Schedule")?.as_str()?)? })
    })
}

/// All events of the type `kind`, read by `read` from the resource of the function and the properties of the event.
fn events<T>(template: &str, kind: &str, read: impl Fn(&Value, &Value) -> Option<T>) -> Result<Vec<T>, Problem> {
    let template: Value = serde_yaml_ng::from_str(template).map_err(|e| problem!("template.yaml: {e}"))?;
    let mut found = Vec::new();
    for (_, resource) in template.get("Resources").and_then(Value::as_mapping).into_iter().flatten() {
        let events = resource.get("Properties").and_then(|properties| properties.get("Events")).and_then(Value::as_mapping);
        for (name, event) in events.into_iter().flatten().filter(|(_, event)| text_at(event, "Type").as_deref() == Some(kind)) {
            let event = event.get("Properties").and_then(|properties| read(resource, properties));
            found.push(event.ok_or_else(|| problem!("template.yaml: the event {name:?} of the type {kind} is incomplete or unsupported"))?);
        }
    }
    Ok(found)
}

fn text_at(properties: &Value, name: &str) -> Option<String> {
    Some(properties.get(name)?.as_str()?.to_owned())
}

/// An interval such as `rate(5 minutes)`.
fn rate(expression: &str) -> Option<Duration> {
    let (number, unit) = expression.strip_prefix("rate(")?.strip_suffix(')')?.split_once(' ')?;
    let minutes = match unit.trim_end_matches('s') {
        "minute" => 1,
        "hour" => 60,
        "day" => 24 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(minutes * 60)?))
}

#[cfg(test)]
mod tests;
