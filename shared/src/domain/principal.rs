//! The authenticated caller: account, identity and permissions.

use std::sync::Arc;

use super::{
    account::AccountId,
    role::{Permission, Role, RoleId},
};

/// An authenticated caller. Every access to an account's data requires one. It has no public constructor: only a verified credential
/// yields one.
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

    /// The account whose data the caller may access.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.account
    }

    /// The URN of the credential.
    #[must_use]
    pub fn urn(&self) -> &str {
        &self.urn
    }

    /// The name of the credential, if it has one. Invitees see it as the inviter's name.
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

    /// All permissions of the caller.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        self.role.permissions()
    }

    /// Whether the caller may grant or renew a role.
    #[must_use]
    pub fn may_grant(&self, role: &RoleId) -> bool {
        self.role.may_grant(role)
    }
}
