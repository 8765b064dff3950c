//! Roles are configuration: the permissions of a role, and the roles that it may grant.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, de::Error as _};

use super::text::{Malformed, excerpt};

/// A role id: `^[a-z0-9-]+$`, at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleId(Box<str>);

impl RoleId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RoleId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let valid = (1..=64).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if valid {
            Ok(Self(text.into()))
        } else {
            Err(Malformed(format!("'{}' is not a role id: it must have 1 to 64 characters from a-z, 0-9 and -", excerpt(text))))
        }
    }
}

impl<'de> Deserialize<'de> for RoleId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The permission that a route requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Permission {
    /// List and describe.
    #[serde(rename = "invitations:read")]
    Read,
    /// Create.
    #[serde(rename = "invitations:create")]
    Create,
    /// Revoke, resend and change.
    #[serde(rename = "invitations:modify")]
    Modify,
    /// Get links instead of having them emailed.
    #[serde(rename = "invitations:link")]
    Link,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "invitations:read",
            Self::Create => "invitations:create",
            Self::Modify => "invitations:modify",
            Self::Link => "invitations:link",
        })
    }
}

/// One role's entry in the configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    can: BTreeSet<Permission>,
    #[serde(rename = "mayGrant")]
    may_grant: Grants,
}

impl Role {
    /// Whether the role includes a permission.
    #[must_use]
    pub fn can(&self, permission: Permission) -> bool {
        self.can.contains(&permission)
    }

    /// All permissions of the role.
    pub fn permissions(&self) -> impl Iterator<Item = Permission> {
        self.can.iter().copied()
    }

    /// Whether the role may grant or renew another role.
    #[must_use]
    pub fn may_grant(&self, role: &RoleId) -> bool {
        match &self.may_grant {
            Grants::All => true,
            Grants::Only(roles) => roles.contains(role),
        }
    }
}

#[derive(Debug)]
enum Grants {
    All,
    Only(BTreeSet<RoleId>),
}

impl Default for Grants {
    fn default() -> Self {
        Self::Only(BTreeSet::new())
    }
}

impl<'de> Deserialize<'de> for Grants {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        if names.iter().any(|name| name == "*") {
            return Ok(Self::All);
        }
        names.iter().map(|name| name.parse()).collect::<Result<_, _>>().map(Self::Only).map_err(D::Error::custom)
    }
}

/// All roles of the configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Roles(BTreeMap<RoleId, Arc<Role>>);

impl Roles {
    /// The entry of a role. An unknown role has no permissions and grants nothing.
    #[must_use]
    pub fn get(&self, role: &RoleId) -> Arc<Role> {
        self.0.get(role).cloned().unwrap_or_default()
    }

    /// Whether the role is configured.
    #[must_use]
    pub fn contains(&self, role: &RoleId) -> bool {
        self.0.contains_key(role)
    }

    /// The ids of all roles, sorted.
    pub fn names(&self) -> impl Iterator<Item = &RoleId> {
        self.0.keys()
    }
}

impl FromStr for Roles {
    type Err = Malformed;

    /// A JSON object: `{"full-access": {"can": ["invitations:read"], "mayGrant": ["*"]}}`.
    fn from_str(json: &str) -> Result<Self, Malformed> {
        serde_json::from_str(json).map_err(|error| Malformed(error.to_string()))
    }
}
