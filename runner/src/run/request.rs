//! Serves the agent's requests: each is one fenced transaction, and the agent gets the true answer.

use proto::group::GroupSettings;
use proto::ids::{ChatId, GroupId, OutboxId, TurnId};
use proto::ipc::requests::{Call, RegisterGroup, SendMessage, SendMessageTo, TranscriptAppend, TranscriptLoad};
use proto::ipc::{Answer, Request, RequestError};
use proto::outbound::Reply;
use proto::turn::Said;
use proto::turn::run::Event;
use serde_json::{Value, json};
use service::crash_point;
use store::TranscriptPart;
use store::registration::{self, Registration};

use super::GroupRun;
use crate::engine::persist::until_known;

/// Longest text sent by one `send_message`, in bytes; channels split further as their platforms demand.
const SEND_BYTES_MAX: usize = 256 * 1024;

/// Why a request was not done.
pub(super) enum Refused {
    /// The agent is told.
    Told(RequestError),
    /// The group is no longer ours: nobody is told anything.
    FenceLost(Event),
}

impl GroupRun {
    /// Does what the agent asks and answers it. Returns an event only when the run is over.
    pub(super) async fn serve(&mut self, request: Request) -> Option<Event> {
        let answer = match self.call(&request).await {
            Ok(result) => Answer::done(&request.id, result),
            Err(Refused::Told(error)) => {
                tracing::warn!(group.id = %self.claimed.fence.group, method = request.method, code = error.code, "request refused");
                Answer::refused(&request.id, &error.code, error.message)
            }
            Err(Refused::FenceLost(event)) => return Some(event),
        };
        self.refresh_snapshots().await;
        if let Some(sandbox) = self.sandbox.as_mut()
            && let Err(error) = sandbox.link.answer(answer).await
        {
            tracing::warn!(group.id = %self.claimed.fence.group, error = &error as &dyn std::error::Error, "an answer could not be given");
        }
        None
    }

    async fn call(&mut self, request: &Request) -> Result<Value, Refused> {
        match Call::parse(request).map_err(Refused::Told)? {
            Call::SendMessage(call) => self.send_message(&request.id, call).await,
            Call::SendMessageTo(call) => self.send_message_to(&request.id, call).await,
            Call::SendFile(call) => self.send_file(&request.id, call).await,
            Call::React(call) => self.react(&request.id, call).await,
            Call::RegisterGroup(call) => self.register_group(call).await,
            Call::ScheduleTask(call) => self.schedule_task(&request.id, call).await,
            Call::ListTasks(call) => self.list_tasks(call).await,
            Call::PauseTask(call) => self.pause_task(call).await,
            Call::ResumeTask(call) => self.resume_task(call).await,
            Call::CancelTask(call) => self.cancel_task(call).await,
            Call::UpdateTask(call) => self.update_task(call).await,
            Call::RefreshGroups => self.refresh_groups(),
            Call::TranscriptAppend(call) => self.append_transcript(call).await,
            Call::TranscriptLoad(call) => self.load_transcript(call).await,
        }
    }

    async fn send_message(&mut self, id: &str, call: SendMessage) -> Result<Value, Refused> {
        let chat = take_said(&mut self.said_before, &call, &self.reply_chat);
        self.send(Reply {
            key: id.to_owned(),
            chat: chat.unwrap_or_else(|| self.reply_chat.clone()),
            text: call.text,
            sender: call.sender,
            extra: None,
        })
        .await
    }

    /// IPC-03: main may write to any known chat, everybody else to the chats of their own group.
    async fn send_message_to(&mut self, id: &str, call: SendMessageTo) -> Result<Value, Refused> {
        let chat = ChatId::new(call.jid);
        let known = self.engine.store.chat(&chat).await.map_err(refuse_unfenced)?;
        let own = known
            .as_ref()
            .is_some_and(|known| known.group.as_ref() == Some(&self.claimed.fence.group));
        match known {
            None => Err(told("not_found", format!("chat {chat} is not known"))),
            Some(_) if !own && !self.claimed.group.is_main => Err(told(
                "not_authorised",
                format!("chat {chat} does not belong to this group"),
            )),
            Some(_) => {
                self.send(Reply {
                    key: id.to_owned(),
                    chat,
                    text: call.text,
                    sender: call.sender,
                    extra: None,
                })
                .await
            }
        }
    }

    pub(super) async fn send(&mut self, reply: Reply) -> Result<Value, Refused> {
        let says_nothing = reply.text.trim().is_empty() && reply.extra.is_none();
        if says_nothing || reply.text.len() > SEND_BYTES_MAX {
            return Err(told(
                "bad_request",
                format!("text must have 1 to {SEND_BYTES_MAX} bytes"),
            ));
        }
        let turn = self.speaking_turn()?;
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        let fresh = OutboxId::fresh(&*engine.ids);
        let recorded = until_known(engine, || {
            engine
                .store
                .record_effect(fence, turn, &reply, fresh, engine.clock.now())
        })
        .await
        .map_err(|error| self.refuse(error))?;
        crash_point!("effect.recorded");
        self.engine.publish_outbox(&reply.chat, recorded.outbox_id()).await;
        Ok(json!({ "outbox_id": recorded.outbox_id() }))
    }

    async fn register_group(&mut self, call: RegisterGroup) -> Result<Value, Refused> {
        if !self.claimed.group.is_main {
            return Err(told("not_authorised", "only the main group may register groups"));
        }
        let group = GroupId::parse(&call.folder).map_err(|error| told("bad_request", error.to_string()))?;
        let trigger = Some(call.trigger).filter(|trigger| !trigger.trim().is_empty());
        let registration = Registration {
            group: group.clone(),
            name: call.name,
            // Never from inside a sandbox (IPC-11).
            is_main: false,
            settings: GroupSettings {
                trigger,
                requires_trigger: call.requires_trigger,
                ..GroupSettings::default()
            },
            chats: vec![ChatId::new(call.jid)],
            move_chats: false,
        };
        let engine = &self.engine;
        registration::register(&*engine.store, &registration, engine.clock.now())
            .await
            .map_err(refuse_unfenced)?;
        Ok(json!({ "group": group }))
    }

    /// IPC-10. The snapshots are written anew after every request, so there is nothing more to do.
    fn refresh_groups(&self) -> Result<Value, Refused> {
        if self.claimed.group.is_main {
            Ok(json!({}))
        } else {
            Err(told("not_authorised", "only the main group may refresh the groups"))
        }
    }

    async fn append_transcript(&mut self, call: TranscriptAppend) -> Result<Value, Refused> {
        let shown = |entry: &Value| {
            entry
                .get("uuid")
                .and_then(Value::as_str)
                .and_then(|uuid| uuid.parse().ok())
        };
        let shown: Vec<uuid::Uuid> = call.entries.iter().filter_map(shown).collect();
        let part = TranscriptPart {
            session: call.session_id,
            subpath: call.subpath,
            entries: call.entries,
        };
        let (engine, fence) = (&self.engine, &self.claimed.fence);
        // A prompt found in the transcript will be there on resume: a later attempt must not repeat it.
        let found = self
            .prompts
            .iter()
            .filter(|prompt| shown.contains(&prompt.uuid))
            .map(|prompt| prompt.through)
            .max();
        let prompted = found.zip(self.run.open_turn().map(|open| open.turn));
        let appended = match prompted {
            Some((through, turn)) => {
                until_known(engine, || engine.store.append_prompted(fence, &part, turn, through)).await
            }
            None => until_known(engine, || engine.store.append_transcript(fence, &part)).await,
        };
        appended.map_err(|error| self.refuse(error))?;
        if prompted.is_some() {
            crash_point!("turn.prompted");
        }
        Ok(json!({}))
    }

    async fn load_transcript(&mut self, call: TranscriptLoad) -> Result<Value, Refused> {
        let (engine, group) = (&self.engine, &self.claimed.fence.group);
        let entries = until_known(engine, || {
            engine
                .store
                .load_transcript(group, &call.session_id, call.subpath.as_deref())
        })
        .await
        .map_err(|error| self.refuse(error))?;
        Ok(json!({ "entries": entries }))
    }

    pub(super) fn speaking_turn(&self) -> Result<TurnId, Refused> {
        self.run
            .speaking_turn()
            .ok_or_else(|| told("unavailable", "no message was handed over yet"))
    }

    pub(super) fn refuse(&self, error: store::Error) -> Refused {
        match error {
            store::Error::Fenced(_)
            | store::Error::LeaseLost(_)
            | store::Error::RunnerReplaced { .. }
            | store::Error::Unavailable(_) => Refused::FenceLost(self.lost(&error)),
            store::Error::NotFound { .. } => told("not_found", error.to_string()),
            store::Error::Conflict(_) => told("conflict", error.to_string()),
        }
    }
}

/// The chat in which an interrupted attempt has said the same, once for each time it did; that of the present prompt first. Where
/// messages of another chat came meanwhile, the store would take the repetition for a new message otherwise.
fn take_said(said_before: &mut Vec<Said>, call: &SendMessage, here: &ChatId) -> Option<ChatId> {
    let same = |said: &Said| said.text == call.text && said.sender == call.sender;
    let found = said_before
        .iter()
        .position(|said| same(said) && said.chat == *here)
        .or_else(|| said_before.iter().position(same))?;
    Some(said_before.remove(found).chat)
}

/// For calls that carry no fence: their failure says nothing about whose the group is.
pub(super) fn refuse_unfenced(error: store::Error) -> Refused {
    match error {
        store::Error::NotFound { .. } => told("not_found", error.to_string()),
        store::Error::Conflict(_) => told("conflict", error.to_string()),
        store::Error::Unavailable(_)
        | store::Error::LeaseLost(_)
        | store::Error::Fenced(_)
        | store::Error::RunnerReplaced { .. } => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a request of the agent could not be served"
            );
            told("unavailable", "the store is not available right now; try again")
        }
    }
}

pub(super) fn told(code: &str, message: impl Into<String>) -> Refused {
    Refused::Told(RequestError {
        code: code.to_owned(),
        message: message.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_in_another_chat_is_not_said_again_in_this_one() {
        let said = |chat: &str, text: &str| Said {
            chat: ChatId::new(chat),
            text: text.to_owned(),
            sender: None,
        };
        let call = |text: &str| SendMessage {
            text: text.to_owned(),
            sender: None,
        };
        let mut before = vec![said("a", "on it"), said("b", "on it"), said("a", "soon")];
        let b = ChatId::new("b");
        assert_eq!(take_said(&mut before, &call("on it"), &b), Some(ChatId::new("b")));
        assert_eq!(take_said(&mut before, &call("on it"), &b), Some(ChatId::new("a")));
        assert_eq!(take_said(&mut before, &call("on it"), &b), None, "once for each time");
        assert_eq!(take_said(&mut before, &call("never"), &b), None);
        assert_eq!(before, [said("a", "soon")]);
    }
}
