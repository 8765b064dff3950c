//! The life of an invitation, step by step: what each write of the service consumes.
//!
//! Every step is one event of the function that does it on AWS, in a new process. The module counts three lives: one with a delivery report at
//! once, one with a report an hour after the email, and one that is changed and whose invitee is reminded.

use std::{collections::BTreeMap, time::Duration};

use bench::{
    Problem,
    dynamodb::Capacity,
    fixture::{ACCOUNT_NAME, Fixture},
    problem,
};
use serde_json::{Value, json};
use shared::domain::{InvitationId, Timestamp};

use crate::{
    operation::{Operation, by_token, delivery_report},
    settings::Settings,
    target,
    testbed::Testbed,
};

/// The invitee of all lives.
const INVITEE: &str = "invitee@example.com";

/// The capacity of each step, by its name.
pub(crate) async fn steps(testbed: &Testbed, settings: &Settings) -> Result<BTreeMap<String, Capacity>, Problem> {
    testbed.database.count_capacity(true);
    let mut life = Life { testbed, settings, fixture: testbed.new_fixture().await?, steps: BTreeMap::new() };
    let counted = async {
        life.with_prompt_report().await?;
        life.fixture = testbed.new_fixture().await?;
        life.with_late_report().await?;
        life.fixture = testbed.new_fixture().await?;
        life.with_changes_and_a_reminder().await
    };
    let counted = counted.await;
    testbed.database.count_capacity(false);
    counted.map(|()| life.steps)
}

struct Life<'a> {
    testbed: &'a Testbed,
    settings: &'a Settings,
    fixture: Fixture,
    steps: BTreeMap<String, Capacity>,
}

impl Life<'_> {
    async fn with_prompt_report(&mut self) -> Result<(), Problem> {
        self.fixture.configure().await?;
        let body = json!({ "email": INVITEE, "roleID": "full-access" });
        let created = self.step("create", Operation::Create, &self.fixture.event("POST", "/invitations", Some(&body))).await?;
        let created: Value = serde_json::from_str(created["body"].as_str().unwrap_or_default()).unwrap_or_default();
        let id = created["id"].as_str().and_then(|id| id.parse().ok()).ok_or_else(|| problem!("not created: {created}"))?;
        self.deliver("email").await?;
        self.step("prompt report", Operation::Feedback, &delivery_report(0, INVITEE, id)?).await?;
        self.deliver("prompt report's event").await?;
        self.accept(id).await
    }

    /// The invitation and its email are an hour old.
    async fn with_late_report(&mut self) -> Result<(), Problem> {
        let id = self.fixture.invite(INVITEE).await?;
        self.fixture.mark_sent(id).await?;
        let round = self.step("early entry", Operation::Reconcile, "{}").await?;
        if round != json!({ "processed": 1, "failed": 0 }) {
            return Err(problem!("the reconciler must find the early entry: {round}"));
        }
        self.step("late report", Operation::Feedback, &delivery_report(0, INVITEE, id)?).await?;
        self.deliver("late report's event").await?;
        let resend = self.fixture.event("POST", &format!("/invitations/{id}"), None);
        self.step("resend", Operation::Resend, &resend).await.map(drop)
    }

    /// The invitation expires in a day, and its email was sent six days ago: the reminder is due.
    async fn with_changes_and_a_reminder(&mut self) -> Result<(), Problem> {
        let earlier = self.fixture.earlier(Duration::from_hours(6 * 24));
        let id = earlier.invite(INVITEE).await?;
        earlier.mark_sent(id).await?;
        let round = self.step("reminder", Operation::Reconcile, "{}").await?;
        if round != json!({ "processed": 1, "failed": 0 }) {
            return Err(problem!("the reconciler must find the reminder: {round}"));
        }
        self.deliver("reminder's record").await?;
        self.change(id, "change of the role", &json!({ "roleID": "read-only" })).await?;
        self.deliver("role's event").await?;
        let expiry = Timestamp::now().plus(Duration::from_hours(48)).floor_to_second().to_string();
        self.change(id, "change of the expiry", &json!({ "expiry": expiry })).await?;
        self.deliver("expiry's event").await
    }

    async fn change(&mut self, id: InvitationId, step: &str, body: &Value) -> Result<(), Problem> {
        let changed = self.step(step, Operation::Change, &self.fixture.event("POST", &format!("/invitations/{id}"), Some(body))).await?;
        if changed["statusCode"] == 200 { Ok(()) } else { Err(problem!("{step}: not changed: {changed}")) }
    }

    async fn accept(&mut self, id: InvitationId) -> Result<(), Problem> {
        let accepted = self.step("accept", Operation::Accept, &by_token(&self.fixture, id, "accept").await?).await?;
        let named = accepted["body"].as_str().is_some_and(|body| body.contains(ACCOUNT_NAME) && body.contains("accepted"));
        if !named {
            return Err(problem!("not accepted: {accepted}"));
        }
        self.deliver("accept's event").await
    }

    /// Delivers the last record of the stream.
    async fn deliver(&mut self, step: &str) -> Result<(), Problem> {
        let record = self.testbed.stream_records(&self.fixture).await?.pop().ok_or_else(|| problem!("{step}: there is no record"))?;
        let response = self.step(step, Operation::Deliver, &json!({ "Records": [record] }).to_string()).await?;
        if response == json!({ "batchItemFailures": [] }) { Ok(()) } else { Err(problem!("{step}: not delivered: {response}")) }
    }

    /// Invokes the function of an operation once, and counts what it consumes.
    async fn step(&mut self, name: &str, operation: Operation, event: &str) -> Result<Value, Problem> {
        let target = target::own(operation, self.settings)?;
        let mut sandbox = self.testbed.launch(&target, &self.fixture, Vec::new()).await?;
        self.testbed.database.reset_counts();
        let invocation = sandbox.invoke(event).await?;
        sandbox.idle().await?;
        self.steps.insert(name.to_owned(), self.testbed.database.counts().capacity);
        sandbox.stop().await?;
        serde_json::from_str(&invocation.response).map_err(|_| problem!("{name}: unexpected response: {}", invocation.response))
    }
}
