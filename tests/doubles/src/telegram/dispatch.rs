//! From a path to a method: `/bot<token>/<method>` and `/file/bot<token>/<path>`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use serde_json::{Value, json};

use super::TelegramDouble;
use super::error::ApiError;
use super::params::Params;
use crate::platform::{Answer, Call, Platform};

#[async_trait]
impl Platform for TelegramDouble {
    async fn answer(&self, call: Call) -> Answer {
        if let Some(path) = call.path.strip_prefix("/file/bot") {
            return self.download(path).unwrap_or_else(|error| error.answer());
        }
        match self.call(&call).await {
            Ok(result) => Answer::json(StatusCode::OK, &json!({ "ok": true, "result": result })),
            Err(error) => {
                let answer = error.answer();
                if answer.status == StatusCode::CONFLICT {
                    self.conflicts.fetch_add(1, Ordering::Relaxed);
                }
                answer
            }
        }
    }

    fn busy(&self, _call: &Call, retry_after: Duration) -> Answer {
        ApiError::too_many(retry_after.as_secs().max(1)).answer()
    }

    fn is_effect(&self, call: &Call) -> bool {
        let method = method(call).unwrap_or_default();
        method.starts_with("send") && method != "sendchataction" || method.starts_with("edit")
    }
}

impl TelegramDouble {
    async fn call(&self, call: &Call) -> Result<Value, ApiError> {
        let token = token(call).ok_or_else(ApiError::not_found)?;
        let bot = {
            let mut state = self.state();
            let bot = state.bot(token)?;
            (bot.id, bot.to_json())
        };
        let params = Params::of(call).await?;
        let (bot, me) = (bot.0, bot.1);
        let method = method(call).ok_or_else(ApiError::not_found)?;
        if let Some(refusal) = self.state().refusal(&method) {
            return Err(refusal);
        }
        match method.as_str() {
            "getme" => Ok(with(
                me,
                &json!({ "can_join_groups": true, "can_read_all_group_messages": true }),
            )),
            "getupdates" => self.get_updates(token, &params).await,
            "setwebhook" => self.set_webhook(token, &params),
            "deletewebhook" => self.delete_webhook(token, &params),
            "getwebhookinfo" => self.webhook_info(token),
            "sendmessage" => self.send_message(bot, &me, &params),
            "sendphoto" => self.send_file(bot, &me, &params, "photo"),
            "senddocument" => self.send_file(bot, &me, &params, "document"),
            "sendvoice" => self.send_file(bot, &me, &params, "voice"),
            "sendaudio" => self.send_file(bot, &me, &params, "audio"),
            "sendvideo" => self.send_file(bot, &me, &params, "video"),
            "editmessagetext" => self.edit_text(bot, &params),
            "sendchataction" => self.chat_action(bot, &params),
            "setmessagereaction" => self.react(bot, &params),
            "getfile" => self.get_file(&params),
            "getchat" => Ok(self.state().chat_for(bot, params.chat()?)?.to_json()),
            "setmycommands" => self.set_commands(token, &params),
            "setmyname" => self.set_name(token, &params),
            _ => Err(ApiError::not_found()),
        }
    }

    fn set_commands(&self, token: &str, params: &Params) -> Result<Value, ApiError> {
        let commands = params.object("commands").filter(Value::is_array);
        let commands = commands.ok_or_else(|| ApiError::bad_request("can't parse BotCommand: expected an Array"))?;
        self.state().bot(token)?.commands = commands;
        Ok(json!(true))
    }

    fn set_name(&self, token: &str, params: &Params) -> Result<Value, ApiError> {
        let mut state = self.state();
        let bot = state.bot(token)?;
        bot.name = params.text("name").unwrap_or(&bot.username).to_owned();
        Ok(json!(true))
    }
}

fn token(call: &Call) -> Option<&str> {
    call.path.strip_prefix("/bot")?.split_once('/').map(|(token, _)| token)
}

/// The method in lower case: the Bot API does not mind the case.
fn method(call: &Call) -> Option<String> {
    let (_, method) = call.path.strip_prefix("/bot")?.split_once('/')?;
    Some(method.to_ascii_lowercase())
}

fn with(mut value: Value, more: &Value) -> Value {
    if let (Some(value), Some(more)) = (value.as_object_mut(), more.as_object()) {
        value.extend(more.clone());
    }
    value
}
