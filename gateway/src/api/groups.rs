//! `/v1/groups`: registering, changing and removing groups.

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;
use proto::group::{Group, GroupSettings};
use proto::ids::GroupId;
use serde_json::Value;
use store::registration::{self, Registration};

use super::ControlApi;
use super::wire::{GroupChange, Groups, NewGroup};
use crate::channel::cli;
use crate::http::{ApiError, JsonBody};

/// Longest name of a group, in bytes: it is shown in lists.
const NAME_BYTES_MAX: usize = 200;

pub(super) async fn list(State(api): State<ControlApi>) -> Result<Json<Groups>, ApiError> {
    Ok(Json(Groups {
        groups: api.store.groups().await?,
    }))
}

pub(super) async fn add(
    State(api): State<ControlApi>,
    JsonBody(new): JsonBody<NewGroup>,
) -> Result<(StatusCode, Json<Group>), ApiError> {
    if api.store.group(&new.id).await?.is_some() {
        let message = format!(
            "group {} exists already: change it with `clawhold group set {}`",
            new.id, new.id
        );
        return Err(ApiError::new(StatusCode::CONFLICT, "group_exists", message));
    }
    let now = api.clock.now();
    let name = new.name.unwrap_or_else(|| new.id.to_string());
    check_name(&name)?;
    let local_chat = api
        .store
        .see_chat(&cli::chat_seen(&new.id, &api.gateway, now))
        .await?
        .id;
    let registration = Registration {
        group: new.id,
        name,
        is_main: new.is_main,
        settings: new.settings,
        chats: vec![local_chat],
        move_chats: false,
    };
    let registered = registration::register(&*api.store, &registration, now).await;
    api.directory.forget_group(&registration.group);
    let group = registered?;
    tracing::info!(group.id = %group.id, group.is_main = group.is_main, "group added");
    Ok((StatusCode::CREATED, Json(group)))
}

pub(super) async fn change(
    State(api): State<ControlApi>,
    Path(id): Path<String>,
    JsonBody(change): JsonBody<GroupChange>,
) -> Result<Json<Group>, ApiError> {
    let id = parse_id(&id)?;
    let mut group = api
        .store
        .group(&id)
        .await?
        .ok_or_else(|| ApiError::no_such_group(id.as_str()))?;
    if let Some(name) = change.name {
        check_name(&name)?;
        group.name = name;
    }
    group.is_main = change.is_main.unwrap_or(group.is_main);
    group.settings = merged(&group.settings, change.settings)?;
    let put = api.store.put_group(&group).await;
    api.directory.forget_group(&id);
    put?;
    tracing::info!(group.id = %id, "group changed");
    Ok(Json(group))
}

pub(super) async fn remove(State(api): State<ControlApi>, Path(id): Path<String>) -> Result<StatusCode, ApiError> {
    let id = parse_id(&id)?;
    let removed = api.store.remove_group(&id).await;
    api.directory.forget_group(&id);
    removed?;
    tracing::info!(group.id = %id, "group removed");
    Ok(StatusCode::NO_CONTENT)
}

fn parse_id(id: &str) -> Result<GroupId, ApiError> {
    GroupId::parse(id).map_err(|error| ApiError::bad_request(error.to_string()))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.trim().is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(ApiError::bad_request(format!(
            "a group's name must be 1 to {NAME_BYTES_MAX} bytes of text without control characters"
        )));
    }
    Ok(())
}

fn merged(settings: &GroupSettings, change: serde_json::Map<String, Value>) -> Result<GroupSettings, ApiError> {
    let mut all = serde_json::to_value(settings).expect("settings are plain data with text keys");
    for (key, value) in change {
        // A list has no `null`: back to its default means empty.
        let value = if value.is_null() && all[&key].is_array() {
            Value::Array(Vec::new())
        } else {
            value
        };
        all[key] = value;
    }
    serde_json::from_value(all).map_err(|error| ApiError::bad_request(format!("settings: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(settings: &GroupSettings, change: Value) -> Result<GroupSettings, ApiError> {
        merged(settings, change.as_object().unwrap().clone())
    }

    #[test]
    fn only_the_settings_named_change_and_null_returns_to_the_default() {
        let settings = GroupSettings {
            trigger: Some("@Bot".into()),
            timeout_ms: Some(5),
            ..GroupSettings::default()
        };
        let settings = change(
            &settings,
            json!({"trigger": null, "model": "opus", "additional_mounts": null}),
        )
        .unwrap();
        assert_eq!(
            (settings.trigger, settings.timeout_ms, settings.model),
            (None, Some(5), Some("opus".into()))
        );
    }

    #[test]
    fn unknown_settings_and_wrong_types_are_refused() {
        for bad in [json!({"triger": "@Bot"}), json!({"timeout_ms": "soon"})] {
            assert!(change(&GroupSettings::default(), bad).is_err());
        }
    }
}
