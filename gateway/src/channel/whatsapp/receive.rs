//! The account's sign of life. What comes in is pushed, so silence says nothing: the number is looked at instead.

use std::time::Duration;

use super::api::Api;
use super::graph_error::GraphError;
use crate::channel::{Feed, ReceiveError};
use crate::rest::Exchange;

/// How often the number is looked at: within the silence after which a feed counts as dead.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Looks at the number until it is refused or cannot be reached.
pub(super) async fn watch(api: &Api, feed: &Feed) -> Result<(), ReceiveError> {
    loop {
        judge(api.look().await)?;
        feed.live();
        feed.alive();
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn judge(exchange: Exchange) -> Result<(), ReceiveError> {
    match exchange {
        Exchange::NotSent { reason } | Exchange::Lost { reason } => Err(ReceiveError::Failed(reason)),
        Exchange::Answered(answered) if answered.status.is_success() => Ok(()),
        Exchange::Answered(answered) => {
            let status = answered.status.as_u16();
            match GraphError::of(&answered) {
                // 100: the number does not exist, or not for this token.
                Some(error) if error.refuses_the_account() || error.code == 100 => {
                    Err(ReceiveError::Refused(error.says()))
                }
                Some(error) => Err(ReceiveError::Failed(error.says())),
                None if status == 401 => Err(ReceiveError::Refused(format!("WhatsApp answered {status}"))),
                None => Err(ReceiveError::Failed(format!("WhatsApp answered {status}"))),
            }
        }
    }
}
