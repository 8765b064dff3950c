//! The function that makes a call. As on AWS, the credentials of the call say which it is, and the policies of `template.yaml` decide.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_sdk_dynamodb::config::{
    Credentials, SharedCredentialsProvider,
    http::{HttpRequest, HttpResponse},
};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
        },
        runtime_components::RuntimeComponents,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use local::{
    client::CREDENTIALS,
    iam::{Call, Deployment, Guard, Refusal, Request, Template},
};
use serde_json::json;

use crate::root_file;

tokio::task_local! {
    static FUNCTION: &'static str;
}

/// Runs `work` as a function, by the name of its binary: its calls are signed with that function's access key.
pub async fn run_as<T>(function: &'static str, work: impl Future<Output = T>) -> T {
    FUNCTION.scope(function, work).await
}

/// The credentials of the function that runs. Outside of [`run_as`] their access key is nobody's.
#[must_use]
pub fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(provide_credentials_fn(|| async {
        let function = FUNCTION.try_with(|function| *function).unwrap_or("nobody");
        Ok(Credentials::new(function, CREDENTIALS.1, None, None, "tests"))
    }))
}

/// The template, read once.
fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| Template::parse(&root_file("template.yaml")).expect("template.yaml is a template"))
}

/// The function of a route such as `GET /invitations`, by the template.
#[must_use]
pub fn function_of(route: &str) -> Option<&'static str> {
    static FUNCTIONS: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    let functions = FUNCTIONS.get_or_init(|| {
        let resources = template().0["Resources"].as_object().expect("resources").values();
        let routes = resources.flat_map(|resource| {
            let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap_or_default();
            let events = resource["Properties"]["Events"].as_object().into_iter().flatten().map(|(_, event)| &event["Properties"]);
            let route = |event: &serde_json::Value| Some(format!("{} {}", event["Method"].as_str()?, event["Path"].as_str()?));
            events.filter_map(route).map(|route| (route, binary.to_owned())).collect::<Vec<_>>()
        });
        routes.collect()
    });
    functions.get(route).map(String::as_str)
}

/// IAM's decisions about the calls of a service's functions.
#[derive(Debug, Clone, Default)]
pub struct Decisions(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    allowed: BTreeMap<String, BTreeSet<Request>>,
    refused: Vec<Refusal>,
}

impl Decisions {
    /// A guard for functions with these variables, whose decisions are kept.
    pub(crate) fn guard(&self, variables: &dyn Fn(&str) -> Option<String>) -> Guard {
        let guard = Guard::new(template(), &Deployment::of(variables)).expect("the policies of template.yaml are supported");
        let this = self.clone();
        guard.observe(move |function, decision| {
            let mut inner = this.lock();
            match decision {
                Ok(requests) => {
                    let known = inner.allowed.entry(function.to_owned()).or_default();
                    for request in requests {
                        if !known.contains(request) {
                            known.insert(request.clone());
                        }
                    }
                }
                Err(refusal) => inner.refused.push(refusal.clone()),
            }
        });
        guard
    }

    /// What each function did, by its name.
    #[must_use]
    pub fn allowed(&self) -> BTreeMap<String, BTreeSet<Request>> {
        self.lock().allowed.clone()
    }

    /// The refusals since the last call. Any that are left when the test ends fail it.
    #[must_use]
    pub fn take_refused(&self) -> Vec<Refusal> {
        std::mem::take(&mut self.lock().refused)
    }

    /// Fails the test if a function was refused anything.
    pub(crate) fn assert_none_refused(&self) {
        let refused: BTreeSet<String> = self.take_refused().iter().map(ToString::to_string).collect();
        if !std::thread::panicking() {
            assert!(refused.is_empty(), "IAM would refuse calls: {refused:#?}");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `client`, which sends only what `guard` allows.
pub(crate) fn guarded(guard: &Guard, client: SharedHttpClient) -> SharedHttpClient {
    let guard = guard.clone();
    http_client_fn(move |settings: &HttpConnectorSettings, components: &RuntimeComponents| {
        let inner = client.http_connector(settings, components);
        SharedHttpConnector::new(Guarded { guard: guard.clone(), inner })
    })
}

#[derive(Debug)]
struct Guarded {
    guard: Guard,
    inner: SharedHttpConnector,
}

impl HttpConnector for Guarded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = Call {
            authorization: request.headers().get("authorization"),
            target: request.headers().get("x-amz-target"),
            path: path(request.uri()),
            body: request.body().bytes().unwrap_or_default(),
        };
        match self.guard.check(&call) {
            Ok(()) => self.inner.call(request),
            Err(refusal) => HttpConnectorFuture::ready(Ok(refused(&refusal))),
        }
    }
}

/// The path of a URL.
fn path(url: &str) -> &str {
    url.split_once("://").and_then(|(_, rest)| Some(&rest[rest.find('/')?..])).unwrap_or("/")
}

fn refused(refusal: &Refusal) -> HttpResponse {
    let body = json!({ "__type": format!("com.amazon.coral.service#{}", refusal.code), "Message": refusal.message });
    HttpResponse::new(StatusCode::try_from(400).expect("a status code"), SdkBody::from(body.to_string()))
}
