//! The store of blobs, over the network. It sees for itself whether somebody removes, or misses, what a committed snapshot needs.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proto::ids::GroupId;
use proto::snapshot::{BlobKey, Manifest, SnapshotRef};
use store::Store;
use store::memory::MemoryStore;

use super::{Network, NoAnswer, Service, at_once};
use crate::exec::Process;
use crate::history::{Event, History};

/// How long a client of the blobs waits before it asks again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The blobs' server.
pub(crate) struct Blobs {
    network: Rc<Network>,
    engine: Arc<MemoryStore>,
    history: Rc<History>,
    content: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl Blobs {
    pub(crate) fn new(network: &Rc<Network>, engine: &Arc<MemoryStore>, history: &Rc<History>) -> Rc<Self> {
        Rc::new(Self {
            network: Rc::clone(network),
            engine: Arc::clone(engine),
            history: Rc::clone(history),
            content: RefCell::default(),
        })
    }

    pub(crate) async fn put(self: &Rc<Self>, me: &Process, name: &str, content: Vec<u8>) -> Result<(), NoAnswer> {
        let (blobs, name) = (Rc::clone(self), name.to_owned());
        let serve = move || drop(blobs.content.borrow_mut().insert(name, content));
        self.network.ask(me, Service::Blobs, PATIENCE, serve).await
    }

    pub(crate) async fn get(self: &Rc<Self>, me: &Process, name: &str) -> Result<Option<Vec<u8>>, NoAnswer> {
        let (blobs, name) = (Rc::clone(self), name.to_owned());
        let serve = move || {
            let found = blobs.content.borrow().get(&name).cloned();
            if found.is_none() {
                blobs.note_if_needed(&name);
            }
            found
        };
        self.network.ask(me, Service::Blobs, PATIENCE, serve).await
    }

    pub(crate) async fn list(self: &Rc<Self>, me: &Process, prefix: &str) -> Result<Vec<String>, NoAnswer> {
        let (blobs, prefix) = (Rc::clone(self), prefix.to_owned());
        let serve = move || {
            let content = blobs.content.borrow();
            content
                .keys()
                .filter(|name| name.starts_with(&prefix))
                .cloned()
                .collect()
        };
        self.network.ask(me, Service::Blobs, PATIENCE, serve).await
    }

    pub(crate) async fn delete(self: &Rc<Self>, me: &Process, name: &str) -> Result<(), NoAnswer> {
        let (blobs, name) = (Rc::clone(self), name.to_owned());
        let serve = move || {
            blobs.note_if_needed(&name);
            blobs.content.borrow_mut().remove(&name);
        };
        self.network.ask(me, Service::Blobs, PATIENCE, serve).await
    }

    fn note_if_needed(&self, name: &str) {
        let Some(group) = BlobKey::parse(name).map(|key| key.group) else {
            return;
        };
        let needed = self.needed(&group);
        if needed.iter().any(|(needed, _)| needed == name) {
            let blob = name.to_owned();
            self.history.record(Event::BlobMissed { group, blob });
        }
    }

    /// Blobs that the group's committed snapshot needs, and whether they are there.
    pub(crate) fn needed(&self, group: &GroupId) -> Vec<(String, bool)> {
        let Some(SnapshotRef { manifest: name, .. }) = at_once(self.engine.snapshot(group)).ok().flatten() else {
            return Vec::new();
        };
        let content = self.content.borrow();
        let manifest = content.get(&name).and_then(|json| Manifest::parse(json).ok());
        let packs = manifest.map(|manifest| manifest.packs).unwrap_or_default();
        let names = packs.into_iter().map(|pack| pack.name).chain([name]);
        names.map(|name| (name.clone(), content.contains_key(&name))).collect()
    }
}
