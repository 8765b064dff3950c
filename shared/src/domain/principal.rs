//! Who is acting, for which account, with which rights.

use std::sync::Arc;

use super::{
    account::AccountId,
    role::{Permission, Role, RoleId},
};

/// A verified caller. Every access to an account's data asks for one, and only a verified credential makes one:
/// there is no public constructor.
#[derive(Debug, Clone)]
pub struct Principal {
    account: AccountId,
    urn: String,
    name: Option<String>,
    role_id: RoleId,
    role: Arc<Role>,
}

impl Principal {
    /// Only for code that has verified a credential.
    pub(super) fn new(account: AccountId, urn: String, name: Option<String>, role_id: RoleId, role: Arc<Role>) -> Self {
        Self { account, urn, name, role_id, role }
    }

    /// The account whose data the caller may reach. It comes from nowhere else.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// Names the credential that acts, as a URN.
    #[must_use]
    pub fn urn(&self) -> &str {
        &self.urn
    }

    /// What the credential is called, if it has a name: who invites, as an invitee reads it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The role of the credential.
    #[must_use]
    pub fn role_id(&self) -> &RoleId {
        &self.role_id
    }

    /// Whether the caller's role includes a permission.
    #[must_use]
    pub fn can(&self, permission: Permission) -> bool {
        self.role.can(permission)
    }

    /// Whether the caller may hand out, or renew, a role.
    #[must_use]
    pub fn may_grant(&self, role: &RoleId) -> bool {
        self.role.may_grant(role)
    }
}
