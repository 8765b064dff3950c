//! What couriers asked of SES and what they then knew of it: from this it is told whether a second copy had to be.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use local::ses::Mail;
use serde_json::Value;

use super::{counts::Counts, mutation::Mutation};

/// One sending: of which invitation, and which.
pub(super) type Sending = (String, u32);

/// What stands around all couriers of a world.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) counts: Counts,
    pub(super) mutations: &'static [Mutation],
    /// One request to the table in so many fails; none, when this is 0.
    storm: AtomicUsize,
    invocations: AtomicU64,
    send_log: Mutex<SendLog>,
}

/// What was asked, in the order of asking.
#[derive(Debug, Clone, Default)]
pub(super) struct SendLog {
    asked: Vec<Asked>,
    killed: BTreeSet<u64>,
}

/// One request to SES.
#[derive(Debug, Clone)]
struct Asked {
    invocation: u64,
    sending: Sending,
    /// Whether another had been noted before.
    needless: bool,
    known: Known,
}

/// What its courier knows of it.
#[derive(Debug, Clone)]
enum Known {
    /// Nothing: no answer has come.
    Nothing,
    /// SES has refused it.
    Refused,
    /// SES has it under this name. The table has since failed so many requests about this invitation.
    Taken { message: String, failed: u32 },
    /// And the table has acknowledged a write since.
    Noted { message: String },
}

/// Why there is a second copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The courier never got SES's answer to the one before.
    ReplyLost,
    /// It was killed before it had noted the answer.
    Died,
    /// The table would not let it note the answer.
    NoteRefused,
    /// There is no reason.
    Nothing,
}

/// A request to SES, by its place in the send_log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry(usize);

impl Context {
    pub(super) fn new(counts: Counts, mutations: &'static [Mutation]) -> Self {
        Self { counts, mutations, storm: AtomicUsize::new(0), invocations: AtomicU64::new(0), send_log: Mutex::default() }
    }

    pub(super) fn set_storm(&self, one_in: usize) {
        self.storm.store(one_in, Ordering::Relaxed);
    }

    pub(super) fn storm(&self) -> usize {
        self.storm.load(Ordering::Relaxed)
    }

    pub(super) fn next_invocation(&self) -> u64 {
        self.invocations.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn send_log(&self) -> MutexGuard<'_, SendLog> {
        self.send_log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SendLog {
    /// A courier is about to ask SES.
    pub(super) fn ask(&mut self, invocation: u64, sending: Sending) -> Entry {
        let needless = self.asked.iter().any(|asked| asked.sending == sending && matches!(asked.known, Known::Noted { .. }));
        self.asked.push(Asked { invocation, sending, needless, known: Known::Nothing });
        Entry(self.asked.len() - 1)
    }

    /// SES's answer has reached the courier: the name of the mail, or nothing when SES does not take it.
    pub(super) fn answered(&mut self, Entry(place): Entry, message: Option<String>) {
        self.asked[place].known = message.map_or(Known::Refused, |message| Known::Taken { message, failed: 0 });
    }

    /// The table has answered an invocation about an invitation: whether it has carried out a write.
    pub(super) fn table_said(&mut self, invocation: u64, id: &str, written: bool) {
        for asked in self.asked.iter_mut().filter(|asked| asked.invocation == invocation && asked.sending.0 == id) {
            let known = &mut asked.known;
            if let Known::Taken { message, failed } = known {
                if written {
                    *known = Known::Noted { message: std::mem::take(message) };
                } else {
                    *failed += 1;
                }
            }
        }
    }

    pub(super) fn killed(&mut self, invocation: u64) {
        self.killed.insert(invocation);
    }

    /// Why a mail of a sending had to be when these, one at least, were there before.
    pub(super) fn why(&self, sending: &Sending, before: &[&Mail], copy: &Mail) -> Why {
        let asked: Vec<&Asked> = self.asked.iter().filter(|asked| asked.sending == *sending).collect();
        let known_as = |mail: &Mail| asked.iter().find(|asked| asked.known.message() == Some(&mail.message_id)).copied();
        let noted = |mail: &&Mail| known_as(mail).is_some_and(|asked| matches!(asked.known, Known::Noted { .. }));
        if asked.iter().any(|asked| asked.needless) {
            return Why::Nothing;
        }
        // One of the two was not noted. It may be the later one: what the dead have asked for can arrive after what the living have.
        let Some(not_noted) = before.last().copied().into_iter().chain([copy]).find(|mail| !noted(mail)) else { return Why::Nothing };
        if let Some(Asked { invocation, known, .. }) = known_as(not_noted) {
            return match known {
                _ if self.killed.contains(invocation) => Why::Died,
                Known::Taken { failed: 1.., .. } => Why::NoteRefused,
                _ => Why::Nothing,
            };
        }
        // Taken without its courier knowing: there must be a request without an answer for each of those.
        let silent: Vec<_> = asked.iter().filter(|asked| matches!(asked.known, Known::Nothing)).collect();
        let unknown = before.iter().chain([&copy]).filter(|mail| known_as(mail).is_none()).count();
        if unknown > silent.len() {
            Why::Nothing
        } else if silent.iter().all(|asked| self.killed.contains(&asked.invocation)) {
            Why::Died
        } else {
            Why::ReplyLost
        }
    }
}

impl Known {
    fn message(&self) -> Option<&String> {
        match self {
            Self::Nothing | Self::Refused => None,
            Self::Taken { message, .. } | Self::Noted { message } => Some(message),
        }
    }
}

/// Which sending a request to SES is about, by its tags.
pub(super) fn sending_of(body: &Value) -> Option<Sending> {
    let tags = body["EmailTags"].as_array()?;
    let tag = |name: &str| tags.iter().find(|tag| tag["Name"] == name)?["Value"].as_str();
    Some((tag("invitation")?.to_owned(), tag("sending")?.parse().ok()?))
}

/// Which sending a mail is of.
pub(super) fn sending(mail: &Mail) -> Option<Sending> {
    Some((mail.tags.get("invitation")?.clone(), mail.tags.get("sending")?.parse().ok()?))
}
