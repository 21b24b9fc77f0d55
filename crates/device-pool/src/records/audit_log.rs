//! The audit log of a pool: its events in a hash tree that only grows.

use device_wire::Operation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::transaction::{Entity, id_of, part_of};
use crate::crypto::bytes32::Bytes32;
use crate::crypto::head::{Head, LogKey, PageEnd};
use crate::crypto::tree::{Hash, Tree};
use crate::error::ServiceError;
use crate::host::moment::Moment;
use crate::records::audit_event::{AuditEvent, Outcome, commit};
use crate::store::Table;

/// The number of leaves in one record.
pub(crate) const TILE: u64 = 128;

/// The state of a pool's log, and its key: `pool/<pool>`, so that it outlives the pool.
#[derive(Serialize, Deserialize)]
pub(crate) struct AuditLog {
    pub(crate) pool_id: String,
    /// The log's name in its heads. It stays if the server's address changes.
    pub(crate) origin: String,
    seed: Bytes32,
    pub(crate) tree: Tree,
    /// The leading leaves whose events have all expired; they are no longer kept one by one.
    pub(crate) removed: Tree,
}

impl Entity for AuditLog {
    const TABLE: Table = Table::AuditLog;

    fn id(&self) -> String {
        Self::key(&self.pool_id)
    }
}

impl AuditLog {
    pub(crate) fn key(pool_id: &str) -> String {
        id_of(["pool", pool_id])
    }

    /// An empty log with this key.
    pub(crate) fn new(pool_id: &str, public_base_url: &str, seed: [u8; 32]) -> Self {
        let place = public_base_url.split_once("://").map_or(public_base_url, |(_, place)| place);
        // A name of a key has no spaces and no plus.
        let place = place.replace(|c: char| c == '+' || c.is_whitespace() || c.is_control(), "");
        Self {
            pool_id: pool_id.to_owned(),
            origin: format!("{place}/{pool_id}"),
            seed: Bytes32::new(seed),
            tree: Tree::default(),
            removed: Tree::default(),
        }
    }

    /// The signed head of the log as it is.
    pub(crate) fn head(&self, at: Moment) -> Result<String, ServiceError> {
        let Self { origin, tree, .. } = self;
        let head = Head { origin: origin.clone(), size: tree.size, root: tree.root(), at };
        head.sign(self.seed.get())
    }

    /// The signed end of a page of the log's export.
    pub(crate) fn page_end(
        &self,
        digest: Hash,
        next: u64,
        size: u64,
        at: Moment,
    ) -> Result<String, ServiceError> {
        PageEnd { origin: self.origin.clone(), digest, next, size, at }.sign(self.seed.get())
    }

    pub(crate) fn public_key(&self) -> Result<LogKey, ServiceError> {
        LogKey::of_seed(&self.origin, self.seed.get())
    }
}

/// A row of leaves: `pool/<pool>/<number of the first>`. All but the last row are full.
#[derive(Serialize, Deserialize)]
pub(crate) struct AuditTile {
    pub(crate) pool_id: String,
    /// The number of the first leaf.
    pub(crate) from: u64,
    pub(crate) leaves: Vec<Leaf>,
}

impl Entity for AuditTile {
    const TABLE: Table = Table::AuditTile;

    fn id(&self) -> String {
        Self::key(&self.pool_id, self.from)
    }
}

impl AuditTile {
    /// The id of the tile that has, or will have, this leaf.
    pub(crate) fn key(pool_id: &str, leaf: u64) -> String {
        id_of(["pool", pool_id, &format!("{:016x}", leaf - leaf % TILE)])
    }
}

/// A leaf of the tree, and where its event is.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Leaf {
    #[serde(flatten)]
    pub(crate) seal: Seal,
    /// The id of the event's record.
    pub(crate) event: String,
}

/// What the log keeps of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    /// The hash of its content.
    pub(crate) content: Hash,
    /// When it may be removed, so that nobody can remove it before and call it expired.
    pub(crate) expires_at: Moment,
    /// What becomes of it when the pool is deleted.
    #[serde(default, skip_serializing_if = "WithPool::is_stays")]
    pub(crate) with_pool: WithPool,
}

/// What the deletion of its pool means for an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WithPool {
    /// It stays: the pool's own.
    #[default]
    Stays,
    /// It goes: a user's.
    Goes,
    /// It is the deletion.
    Deletes,
}

impl WithPool {
    fn of(event: &AuditEvent) -> Self {
        let deletes = event.operation == Operation::DeleteUserPool.name();
        if deletes && event.outcome == Outcome::Passed {
            Self::Deletes
        } else if event.sub.is_some() {
            Self::Goes
        } else {
            Self::Stays
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_stays(&self) -> bool {
        *self == Self::Stays
    }
}

impl Seal {
    /// The hash of the leaf.
    pub(crate) fn leaf(&self) -> Hash {
        let Self { content, expires_at, with_pool } = self;
        let (content, millis) = (content.to_text(), expires_at.millis());
        let with_pool = match with_pool {
            WithPool::Stays => "",
            WithPool::Goes => ",\"with_pool\":\"goes\"",
            WithPool::Deletes => ",\"with_pool\":\"deletes\"",
        };
        let text = format!("{{\"content\":\"{content}\",\"expires_at\":{millis}{with_pool}}}");
        Hash::leaf(text.as_bytes())
    }
}

/// An event that is not in the log yet: `pool/<pool>/<time>-<event>`.
#[derive(Serialize, Deserialize)]
pub(crate) struct UnsealedEvent {
    pool_id: String,
    at: Moment,
    /// The event's own id.
    id: String,
    /// `None` for an unknown name: such events can be made without end, and are not sealed. The
    /// record is there because writing it takes time, which must not tell who exists.
    pub(crate) seal: Option<Seal>,
    /// The id of the event's record.
    pub(crate) event: String,
}

impl Entity for UnsealedEvent {
    const TABLE: Table = Table::UnsealedEvent;

    fn id(&self) -> String {
        let at = u64::try_from(self.at.millis()).unwrap_or(0);
        id_of(["pool", &self.pool_id, &format!("{at:016x}-{}", self.id)])
    }
}

impl UnsealedEvent {
    pub(crate) fn of(event: &AuditEvent) -> Result<Self, ServiceError> {
        let failed = |_| ServiceError::internal("an audit event does not serialize");
        let value = serde_json::to_value(event).map_err(failed)?;
        let seal = Seal {
            content: content_of(value),
            expires_at: event.removable_at(),
            with_pool: WithPool::of(event),
        };
        Ok(Self {
            pool_id: event.pool_id.clone(),
            at: event.at,
            id: event.id.clone(),
            seal: (!event.of_nobody).then_some(seal),
            event: Entity::id(event),
        })
    }

    /// The pool of a record with this id.
    pub(crate) fn pool_of(id: &str) -> String {
        part_of(id, 1)
    }

    /// The prefix of the ids of a pool's.
    pub(crate) fn prefix_of(pool_id: &str) -> String {
        id_of(["pool", pool_id, ""])
    }
}

/// The hash of an event's content, the same before and after its address was erased.
///
/// Instead of `ip` and `ip_salt`, the content has a commitment to both. No event has all three.
pub(crate) fn content_of(mut event: Value) -> Hash {
    if let Some(members) = event.as_object_mut()
        && !members.contains_key("ip_commitment")
    {
        let text = |name| members.get(name).and_then(Value::as_str);
        if let (Some(salt), Some(ip)) = (text("ip_salt"), text("ip")) {
            let commitment = commit(salt, ip);
            members.retain(|name, _| name != "ip_salt" && name != "ip");
            members.insert("ip_commitment".to_owned(), Value::String(commitment));
        }
    }
    Hash::of(canonical(&event).as_bytes())
}

/// JSON as RFC 8785 has it: members by name, no spaces. Events have whole numbers only.
pub(crate) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            text.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { "," });
                write_canonical(item, text);
            }
            text.push(']');
        }
        value => text.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn content_is_hashed_as_canonical_json() {
        let text = canonical(&json!({"b": [1, true, null, "\u{e9}\n"], "a": {"d": 2, "c": -3}}));
        assert_eq!(text, "{\"a\":{\"c\":-3,\"d\":2},\"b\":[1,true,null,\"\u{e9}\\n\"]}");
    }

    #[test]
    fn an_erased_address_leaves_the_content() {
        let whole = json!({"id": "1", "ip": "203.0.113.9", "ip_salt": "c2FsdA=="});
        let commitment = commit("c2FsdA==", "203.0.113.9");
        let erased = json!({"id": "1", "ip_commitment": commitment});
        assert_eq!(content_of(whole.clone()), content_of(erased));
        for changed in [
            json!({"id": "1", "ip": "203.0.113.8", "ip_salt": "c2FsdA=="}),
            json!({"id": "1", "ip": "203.0.113.9", "ip_salt": "c2FsdB=="}),
            json!({"id": "1", "ip": "203.0.113.9"}),
            json!({"id": "1", "ip": "203.0.113.9", "ip_salt": "c2FsdA==", "ip_commitment": 5}),
            json!({"id": "1"}),
        ] {
            assert_ne!(content_of(whole.clone()), content_of(changed));
        }
    }

    #[test]
    fn an_origin_is_a_key_name() {
        let origin = |url| AuditLog::new("p", url, [1; 32]).origin;
        assert_eq!(origin("https://auth.example.com/a b+c"), "auth.example.com/abc/p");
        assert_eq!(origin("http://127.0.0.1:9229"), "127.0.0.1:9229/p");
    }
}
