//! Reads and changes the rows of the table directly.

use std::collections::HashMap;

use aws_sdk_dynamodb::{operation::update_item::builders::UpdateItemFluentBuilder, types::AttributeValue};

use crate::{ACCOUNT, TestApp};

type Row = HashMap<String, AttributeValue>;

impl TestApp {
    /// All rows of the table.
    pub async fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut start = None;
        loop {
            let page =
                self.client.scan().table_name(&self.table).set_exclusive_start_key(start.take()).send().await.expect("the table is there");
            rows.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return rows;
            }
        }
    }

    /// The rows of an account's data whose sort key begins with `prefix`: `I#`, `P#`, `K#` or `Q#`.
    pub async fn rows_of(&self, account: &str, prefix: &str) -> Vec<Row> {
        let mut rows = self.rows().await;
        rows.retain(|row| text(row, "pk") == format!("A#{account}") && text(row, "sk").starts_with(prefix));
        rows
    }

    /// Sets an attribute of an invitation's row of [`ACCOUNT`].
    pub async fn set(&self, id: &str, attribute: &str, value: AttributeValue) {
        self.update(id, |update| {
            update.update_expression("SET #a = :v").expression_attribute_names("#a", attribute).expression_attribute_values(":v", value)
        })
        .await;
    }

    /// Removes attributes of an invitation's row of [`ACCOUNT`].
    pub async fn remove(&self, id: &str, attributes: &[&str]) {
        let names: Vec<String> = (0..attributes.len()).map(|place| format!("#a{place}")).collect();
        self.update(id, |update| {
            let update = update.update_expression(format!("REMOVE {}", names.join(", ")));
            names.iter().zip(attributes).fold(update, |update, (name, attribute)| update.expression_attribute_names(name, *attribute))
        })
        .await;
    }

    async fn update(&self, id: &str, with: impl FnOnce(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder) {
        let update = self.client.update_item().table_name(&self.table);
        let update = update.key("pk", AttributeValue::S(format!("A#{ACCOUNT}"))).key("sk", AttributeValue::S(format!("I#{id}")));
        with(update).send().await.expect("the row can be changed");
    }

    /// Closes an invitation as its invitee would, by writing the rows that accepting or declining leaves.
    pub async fn close_as_invitee(&self, id: &str, state: &str) {
        let now = self.now().as_millis();
        self.set(id, "st", AttributeValue::S(state.to_owned())).await;
        self.set(id, "closed", AttributeValue::N(now.to_string())).await;
        self.set(id, "by_state", AttributeValue::S(format!("{state}#{now:013}#{id}"))).await;
        let rows = self.rows_of(ACCOUNT, "P#").await;
        for row in rows.iter().filter(|row| text(row, "inv") == id) {
            let delete = self.client.delete_item().table_name(&self.table);
            delete.key("pk", row["pk"].clone()).key("sk", row["sk"].clone()).send().await.expect("the lock can be deleted");
        }
    }
}

fn text<'a>(row: &'a Row, attribute: &str) -> &'a str {
    row.get(attribute).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}
