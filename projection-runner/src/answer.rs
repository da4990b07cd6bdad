//! Which page says what.

use std::sync::Arc;
use std::time::Duration;

use annals_projections::OperateError;
use annals_projections::told::in_full;
use annals_runner::projection::ReportRow;
use axum::error_handling::HandleErrorLayer;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{BoxError, Json, Router};
use serde_json::json;
use tokio::time::timeout;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tracing::debug;

use crate::live::Live;
use crate::ready::Ready;
use crate::shown::Shown;

/// The most requests at once that ask a database; more are refused.
const REQUESTS_MAX: usize = 8;

/// How long a request may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(8);

/// How long a database may take to tell what the metrics say about projections.
const OBSERVED_WITHIN: Duration = Duration::from_secs(3);

const PROMETHEUS: [(header::HeaderName, &str); 1] =
    [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];

/// Returns all pages. `/livez` asks no database and is never refused.
pub(crate) fn router(shown: Arc<Shown>) -> Router {
    let limits = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(refuse))
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::new(REQUESTS_MAX))
        .timeout(ANSWERED_WITHIN);
    Router::new()
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/projections", get(projections))
        .layer(limits)
        .route("/livez", get(live))
        .with_state(shown)
}

/// Says that a request took too long, or that there are too many.
async fn refuse(error: BoxError) -> Response {
    let why = match error.is::<tower::timeout::error::Elapsed>() {
        true => format!("there is no answer within {ANSWERED_WITHIN:?}"),
        false => "too many requests at once".to_owned(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": why }))).into_response()
}

async fn live(State(shown): State<Arc<Shown>>) -> Response {
    let live = Live::of(shown.runner.get().map(|runner| &runner.health));
    (live.status(), Json(live)).into_response()
}

async fn ready(State(shown): State<Arc<Shown>>) -> Response {
    let ready = Box::pin(Ready::of(&shown)).await;
    (ready.status(), Json(ready)).into_response()
}

async fn metrics(State(shown): State<Arc<Shown>>) -> Response {
    let Some(metrics) = &shown.metrics else {
        return (StatusCode::NOT_FOUND, "the program has a recorder of metrics of its own\n").into_response();
    };
    if let Some(runner) = shown.runner.get() {
        runner.health.observe();
        // What is known is told, also where a database does not answer.
        match timeout(OBSERVED_WITHIN, runner.operator.observe(&runner.health)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(error = in_full(&error), "projections cannot be looked at"),
            Err(_) => debug!("projections cannot be looked at in time"),
        }
    }
    (PROMETHEUS, metrics.render()).into_response()
}

async fn projections(State(shown): State<Arc<Shown>>) -> Response {
    let Some(runner) = shown.runner.get() else {
        let why = json!({ "error": "the runner is starting" });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(why)).into_response();
    };
    match runner.operator.reports().await {
        Ok(reports) => Json(reports.iter().map(ReportRow::from).collect::<Vec<_>>()).into_response(),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &OperateError) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": in_full(error) }))).into_response()
}
