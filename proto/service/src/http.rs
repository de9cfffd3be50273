//! What every service answers over HTTP about itself: `/healthz`, `/readyz`, `/metrics`.

mod server;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use prometheus_client::registry::Registry;

use crate::metrics;
use crate::readiness::Readiness;

pub use server::serve;

/// Routes to be merged into a service's own.
///
/// `/healthz` says only that the process answers; whether it can work is what `/readyz` says (503 while it cannot).
pub fn router(readiness: Readiness, registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz).with_state(readiness))
        .route("/metrics", get(metrics_text).with_state(registry))
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    let report = readiness.report();
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report)).into_response()
}

async fn metrics_text(State(registry): State<Arc<Registry>>) -> Response {
    match metrics::encode(&registry) {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "metrics cannot be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use prometheus_client::metrics::counter::Counter;
    use tower::ServiceExt;

    use super::*;

    async fn get(router: &Router, path: &str) -> (StatusCode, String, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let content_type = parts.headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        (parts.status, content_type, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readyz_says_what_is_wrong_while_healthz_stays_well() {
        let readiness = Readiness::new();
        let store = readiness.condition("store");
        let router = router(readiness, Arc::new(Registry::default()));
        let (status, _, body) = get(&router, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            body,
            r#"{"ready":false,"conditions":{"store":{"state":"degraded","reason":"starting"}}}"#
        );
        assert_eq!(get(&router, "/healthz").await.0, StatusCode::OK);
        store.ok();
        let (status, content_type, body) = get(&router, "/readyz").await;
        assert_eq!((status, content_type.as_str()), (StatusCode::OK, "application/json"));
        assert_eq!(body, r#"{"ready":true,"conditions":{"store":{"state":"ok"}}}"#);
    }

    #[tokio::test]
    async fn metrics_are_openmetrics_text() {
        let mut registry = Registry::default();
        let counter = Counter::<u64>::default();
        registry.register("clawhold_things", "Things counted", counter.clone());
        counter.inc();
        let (status, content_type, body) = get(&router(Readiness::new(), Arc::new(registry)), "/metrics").await;
        assert_eq!((status, content_type.as_str()), (StatusCode::OK, metrics::CONTENT_TYPE));
        assert!(
            body.contains("clawhold_things_total 1\n") && body.ends_with("# EOF\n"),
            "{body}"
        );
    }
}
