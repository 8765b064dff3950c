//! stub
use shared::domain::{*, settings::*};
/// x
pub struct Letter;
/// x
pub struct Rendered { /// x
 pub subject: String, /// x
 pub text: String, /// x
 pub html: String }
impl Letter {
    /// x
    pub fn of(_: &Invitation, _: &AccountSettings, _: &shared::domain::link_base::InvitationLink) -> Self { Self }
    /// x
    pub fn render(&self, _: &crate::texts::Texts) -> Result<Rendered, String> { Err(String::new()) }
    /// x
    pub fn mailbox(&self, _: &crate::texts::Texts, e: &Email) -> String { e.mailbox() }
}
