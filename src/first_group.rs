//! The group that is there from the beginning.

use gateway::channel::cli;
use proto::group::GroupSettings;
use proto::ids::GroupId;
use proto::time::Clock;
use store::Store;
use store::registration::{self, Registration};

/// The first start registers `main`, so that there is somebody to talk to.
///
/// Its local chat belongs to the gateway of this name until somebody opens it elsewhere.
pub(crate) async fn register(store: &dyn Store, clock: &dyn Clock, gateway: &str) -> store::Result<()> {
    if !store.groups().await?.is_empty() {
        return Ok(());
    }
    let now = clock.now();
    let group = GroupId::parse("main").expect("main is a valid name");
    let chat = store.see_chat(&cli::chat_seen(&group, gateway, now)).await?;
    let registration = Registration {
        group,
        name: "Main".to_owned(),
        is_main: true,
        settings: GroupSettings::default(),
        chats: vec![chat.id],
        move_chats: false,
    };
    registration::register(store, &registration, now).await?;
    Ok(())
}
