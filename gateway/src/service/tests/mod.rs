//! The gateway over real sockets: what clients, platforms and operators see.

mod cli;
mod control;
mod tasks;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use proto::ids::{GroupId, IdSource};
use proto::lease::LeaseTimings;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use service::config::Secret;
use service::ids::RandomIds;
use store::keeper::Takeover;

use super::*;
use crate::config::{Channels, Http, Security, Webhook};
use crate::world::{SOON, World, eventually};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A gateway that serves a world.
struct Node {
    world: Arc<World>,
    running: Running,
    lifecycle: Lifecycle,
    /// Speaks TCP.
    public: reqwest::Client,
    /// Speaks to the socket.
    private: reqwest::Client,
}

impl Node {
    async fn start() -> Self {
        Self::serve(Arc::new(World::new()), None).await
    }

    /// With the hooks `shop`, whose replies are polled, and `push`, which calls back, if an address is given. Their
    /// chats join the group `shop`.
    async fn serve(world: Arc<World>, callback_url: Option<String>) -> Self {
        Self::serve_as("local", world, callback_url).await
    }

    /// As the gateway of this name.
    async fn serve_as(name: &str, world: Arc<World>, callback_url: Option<String>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let hook = |callback_url| Webhook {
            secret: Secret::new(SECRET),
            callback_url,
            group: Some(GroupId::parse("shop").unwrap()),
        };
        let mut webhook = BTreeMap::from([("shop".to_owned(), hook(None))]);
        if callback_url.is_some() {
            webhook.insert("push".to_owned(), hook(callback_url));
        }
        let config = Config {
            name: name.into(),
            candidacy: candidacy(),
            assistant_name: "Andy".into(),
            timezone: chrono_tz::Europe::Berlin,
            data_dir: data_dir(&world, name),
            http: Http {
                listen: "127.0.0.1:0".parse().unwrap(),
            },
            channels: Channels {
                webhook,
                ..Channels::default()
            },
            security: Security {
                sender_allowlist: world.dir.path().join("allow.json"),
                ..Security::default()
            },
        };
        let readiness = Readiness::new();
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let deps = Deps {
            store: world.store.clone(),
            ingress: world.ingress.clone(),
            hints: world.hints.clone(),
            blobs: world.blobs(),
            clock: world.clock.clone(),
            ids: Arc::new(RandomIds),
            random: || 0.5,
            health: service::http::router(readiness.clone(), Arc::new(registry)),
            readiness,
            metrics,
            version: "0.0.0-test",
        };
        let lifecycle = Lifecycle::new();
        let running = start(config, deps, &lifecycle).await.unwrap();
        let public = reqwest::Client::builder().no_proxy().build().unwrap();
        let private = reqwest::Client::builder()
            .unix_socket(running.socket())
            .build()
            .unwrap();
        Self {
            world,
            running,
            lifecycle,
            public,
            private,
        }
    }

    /// Ends it as a signal would.
    async fn stop(self) -> Arc<World> {
        self.lifecycle.begin_soft_stop();
        let outcome = self.lifecycle.finished(Duration::ZERO).await;
        assert_eq!(outcome.cut_off, [""; 0]);
        self.world
    }

    fn tcp(&self, method: Method, path: &str) -> RequestBuilder {
        self.public
            .request(method, format!("http://{}{path}", self.running.http()))
    }

    fn socket(&self, method: Method, path: &str) -> RequestBuilder {
        self.private.request(method, format!("http://clawhold{path}"))
    }
}

/// A directory of its own for each gateway.
fn data_dir(world: &World, name: &str) -> PathBuf {
    let data_dir = world.dir.path().join(name);
    std::fs::create_dir_all(&data_dir).unwrap();
    data_dir
}

/// Every gateway of these tests is the only one, and succeeds a dead one at once.
fn candidacy() -> Candidacy {
    Candidacy {
        holder: RandomIds.uuid().to_string(),
        timings: LeaseTimings::FAST,
        takeover: Takeover::AtOnce,
    }
}

/// Status and body of an answer.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response: Response = request.timeout(SOON).send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
