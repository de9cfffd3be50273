//! The test's side: what people do, and what they see.

use std::io;

use bytes::Bytes;

use super::account::DISPLAY_NUMBER;
use super::double::WhatsAppDouble;
use super::hook;
use super::ids::{Direction, message_id};
use super::inbound::Inbound;
use super::notification;
use super::sent::SentMessage;
use super::state::{Person, WindowCheck};

impl WhatsAppDouble {
    /// Subscribes a webhook: asks it for the verify token, and tells it everything from now on.
    ///
    /// # Errors
    /// When it does not answer as it must.
    pub async fn subscribe(&self, url: &str) -> io::Result<()> {
        self.hook.subscribe(url).await
    }

    /// Somebody with this number gets WhatsApp; they have not written yet.
    pub fn add_person(&self, number: &str, name: &str) {
        let person = Person::new(name);
        self.state().people.insert(number.to_owned(), person);
    }

    /// As [`WhatsAppDouble::add_person`], but they wrote just now, and everybody was told.
    pub fn add_correspondent(&self, number: &str, name: &str) {
        let mut person = Person::new(name);
        person.last_heard_ms = Some(self.clock.now_ms());
        self.state().people.insert(number.to_owned(), person);
    }

    /// Somebody leaves WhatsApp: messages to them become undeliverable.
    pub fn remove_person(&self, number: &str) {
        self.state().people.remove(number);
    }

    /// A person writes; the id of the message. Whoever is unknown is added under their number.
    pub fn say(&self, number: &str, message: Inbound) -> String {
        let now_ms = self.clock.now_ms();
        let mut state = self.state();
        let id = message_id(number, Direction::In, state.next());
        let media = message
            .file()
            .map(|(media_type, content)| (media_type.to_owned(), content.clone()));
        let media = media.map(|(media_type, content)| state.keep_media(&media_type, content));
        let mut said = message.describe(DISPLAY_NUMBER, media.as_deref());
        said["from"] = number.into();
        said["id"] = id.as_str().into();
        said["timestamp"] = (now_ms / 1_000).to_string().into();
        state.received.insert(id.clone(), number.to_owned());
        let person = state
            .people
            .entry(number.to_owned())
            .or_insert_with(|| Person::new(number));
        person.last_heard_ms = Some(now_ms);
        let told = notification::message(number, &person.name, said);
        state.last_told = Some(told.clone());
        self.hook.queue(told);
        id
    }

    /// Tells of the newest message of a person once more.
    pub fn repeat_message(&self) {
        let told = self.state().last_told.clone();
        self.hook.queue(told.expect("somebody has written"));
    }

    /// A person reads everything that arrived.
    pub fn read_all(&self, number: &str) {
        let seconds = self.clock.now_s();
        let state = self.state();
        for message in state
            .sent
            .iter()
            .filter(|message| message.to == number && message.arrived)
        {
            self.hook.queue(notification::status(message, "read", seconds));
        }
    }

    /// What was accepted for this person, in order, what failed later included.
    #[must_use]
    pub fn accepted(&self, number: &str) -> Vec<SentMessage> {
        let state = self.state();
        state
            .sent
            .iter()
            .filter(|message| message.to == number)
            .cloned()
            .collect()
    }

    /// What this person sees, in order.
    #[must_use]
    pub fn messages(&self, number: &str) -> Vec<SentMessage> {
        let mut accepted = self.accepted(number);
        accepted.retain(|message| message.arrived);
        accepted
    }

    /// Whether a person's message was marked as read.
    #[must_use]
    pub fn is_read(&self, message_id: &str) -> bool {
        self.state().read.contains(message_id)
    }

    /// Who was shown "is typing", in order.
    #[must_use]
    pub fn typing_shown(&self) -> Vec<String> {
        self.state().typing.clone()
    }

    /// The business gets a template approved; `{{1}}` and so on are the places for values.
    pub fn approve_template(&self, name: &str, language: &str, body: &str) {
        let key = (name.to_owned(), language.to_owned());
        self.state().templates.insert(key, body.to_owned());
    }

    /// Takes the token back; calls are answered with 401.
    pub fn revoke_token(&self) {
        self.state().token_is_good = false;
    }

    /// The token is good again.
    pub fn restore_token(&self) {
        self.state().token_is_good = true;
    }

    /// How messages outside the 24 hours are refused from now on.
    pub fn check_window(&self, check: WindowCheck) {
        self.state().window_check = check;
    }

    /// Lifts the limits on rates, for benchmarks that send more than a number may.
    pub fn lift_rate_limits(&self) {
        self.state().limited = false;
    }

    /// Keeps a file, as if a person had sent it; its id.
    pub fn keep_media(&self, media_type: &str, content: impl Into<Bytes>) -> String {
        self.state().keep_media(media_type, content.into())
    }

    /// Stops telling the webhook; what happens waits.
    pub fn hold_notifications(&self) {
        self.hook.hold();
    }

    /// Tells the webhook what waited, in order.
    pub fn release_notifications(&self) {
        self.hook.release(1, 1, |_| {});
    }

    /// Tells the webhook what waited, the newest first.
    pub fn release_backwards(&self) {
        self.hook.release(1, 1, |changes| changes.reverse());
    }

    /// Tells the webhook what waits, `per_notification` changes at a time, every notification `times` times.
    pub fn release_batched(&self, per_notification: usize, times: usize) {
        self.hook.release(per_notification, times, |_| {});
    }

    /// How many changes the webhook has not been told yet.
    #[must_use]
    pub fn untold(&self) -> usize {
        self.hook.waiting()
    }

    /// How many notifications were taken with 200.
    #[must_use]
    pub fn notifications_taken(&self) -> u64 {
        self.hook.taken()
    }

    /// How many notifications were not, and are repeated.
    #[must_use]
    pub fn notifications_refused(&self) -> u64 {
        self.hook.refused()
    }

    /// The header value that makes a notification with this body genuine.
    #[must_use]
    pub fn sign(&self, body: &str) -> String {
        hook::signature(body)
    }
}
