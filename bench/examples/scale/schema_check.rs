//! Checks, before loading, that the loaded rows equal those that the service writes.

use bench::{Problem, fixture::Fixture, problem};
use local::{client, engine::Engine, table::create_table};
use shared::{
    domain::{Email, Timestamp, lifecycle::SendPolicy},
    store::{item, keys},
};

use crate::{load::rows, population::Population};

/// Lets the service create an invitation in a separate table, and compares its rows with those that would be loaded.
pub(crate) async fn check(template: &str, policy: &SendPolicy) -> Result<(), Problem> {
    let engine = Engine::in_memory().map_err(|error| problem!("{error}"))?;
    let client = client::for_endpoint(engine.endpoint());
    create_table(&client, "schema-check", template).await.map_err(|error| problem!("{error}"))?;
    let fixture = Fixture::new(engine.endpoint(), "schema-check").await?;
    let email: Email = "Someone@example.com".parse().map_err(|error| problem!("{error}"))?;
    let id = fixture.invite(email.as_entered()).await?;
    let get = async |sk: &str| {
        let key = keys::key(fixture.who.account(), sk.to_owned());
        let got =
            client.get_item().table_name("schema-check").set_key(Some(key.into())).send().await.map_err(|error| problem!("{error}"))?;
        got.item.ok_or_else(|| problem!("the service did not write {sk}"))
    };
    let stored = item::from_row(get(&keys::invitation(id)).await?).map_err(|error| problem!("{error}"))?;

    let loaded = rows(&Population::of(fixture.who.clone(), Timestamp::now()), &stored, policy);
    if loaded.len() != 2 {
        return Err(problem!("an open invitation would be loaded as {} rows instead of two", loaded.len()));
    }
    for (sk, row) in [keys::invitation(id), keys::lock(email.normalised())].into_iter().zip(loaded) {
        let written = get(&sk).await?;
        if written != row {
            return Err(problem!("the service writes {sk} as {written:?}, but it would be loaded as {row:?}"));
        }
    }
    Ok(())
}
