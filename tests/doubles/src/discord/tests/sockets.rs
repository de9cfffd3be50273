use super::*;
use crate::discord::Said;

#[tokio::test]
async fn a_client_hears_what_people_do() {
    let subject = subject().await;
    let Subject {
        discord,
        guild,
        channel,
        ada,
        ..
    } = &subject;
    discord.nick(*guild, *ada, "Countess");
    let mut shard = shard(subject.config());
    ready(&mut shard).await;
    let name = heard(&mut shard, |event| match event {
        Event::GuildCreate(guild) => match *guild {
            twilight_model::gateway::payload::incoming::GuildCreate::Available(guild) => Some(guild.name),
            twilight_model::gateway::payload::incoming::GuildCreate::Unavailable(_) => None,
        },
        _ => None,
    });
    assert_eq!(name.await, "Workshop");

    let first = discord.say(*channel, *ada, "hello");
    let message = super::message(&mut shard).await;
    assert_eq!((message.id.get(), message.content.as_str()), (first, "hello"));
    assert_eq!(message.member.unwrap().nick.as_deref(), Some("Countess"));

    let file = (
        "a.png".to_owned(),
        "image/png".to_owned(),
        bytes::Bytes::from_static(b"x"),
    );
    let said = Said {
        text: format!("<@{}> look", discord.bot()),
        reply_to: Some(first),
        files: vec![file],
        ..Said::default()
    };
    discord.post(*channel, *ada, said);
    let reply = super::message(&mut shard).await;
    assert_eq!(reply.referenced_message.unwrap().id.get(), first);
    assert_eq!(reply.attachments[0].filename, "a.png");
    assert_eq!(reply.mentions.len(), 2);

    discord.edit(*channel, first, "hello again");
    let edited = heard(&mut shard, |event| match event {
        Event::MessageUpdate(update) => Some((update.content.clone(), update.edited_timestamp.is_some())),
        _ => None,
    });
    assert_eq!(edited.await, ("hello again".to_owned(), true));
    discord.delete(*channel, first);
    let deleted = heard(&mut shard, |event| match event {
        Event::MessageDelete(deleted) => Some(deleted.id.get()),
        _ => None,
    });
    assert_eq!(deleted.await, first);

    let thread = discord.add_thread(*channel, "aside");
    let made = heard(&mut shard, |event| match event {
        Event::ThreadCreate(thread) => Some((thread.id.get(), thread.parent_id.unwrap().get())),
        _ => None,
    });
    assert_eq!(made.await, (thread, *channel));
    discord.command(thread, *ada, "status", None);
    let command = heard(&mut shard, |event| match event {
        Event::InteractionCreate(interaction) => interaction.channel.as_ref().map(|channel| channel.id.get()),
        _ => None,
    });
    assert_eq!(command.await, thread);
}

#[tokio::test]
async fn a_bot_without_the_intent_reads_only_what_is_meant_for_it() {
    let subject = subject().await;
    let (discord, channel, ada) = (&subject.discord, subject.channel, subject.ada);
    let blind = Intents::GUILDS | Intents::GUILD_MESSAGES | Intents::DIRECT_MESSAGES;
    let mut shard = shard(subject.config_with(&subject.discord.token(), blind));
    ready(&mut shard).await;
    discord.say(channel, ada, "among us");
    discord.say(channel, ada, &format!("<@{}> you", discord.bot()));
    discord.say(discord.dm(ada), ada, "between us");
    assert_eq!(text(&mut shard).await, "");
    assert_eq!(text(&mut shard).await, format!("<@{}> you", discord.bot()));
    assert_eq!(text(&mut shard).await, "between us");
}

#[tokio::test]
async fn who_has_no_token_or_asks_too_much_is_closed_out() {
    let subject = subject().await;
    let mut stranger = shard(subject.config_with("wrong", Intents::GUILDS));
    assert_eq!(closed(&mut stranger).await, 4004);
    let mut greedy = shard(subject.config_with(&subject.discord.token(), Intents::GUILD_PRESENCES));
    assert_eq!(closed(&mut greedy).await, 4014);
    subject.discord.allow_message_content(false);
    assert_eq!(closed(&mut shard(subject.config())).await, 4014);
}

#[tokio::test]
async fn a_resumed_session_replays_what_was_missed() {
    let subject = subject().await;
    let (discord, channel, ada) = (&subject.discord, subject.channel, subject.ada);
    let mut first = shard(subject.config());
    ready(&mut first).await;
    discord.say(channel, ada, "one");
    assert_eq!(text(&mut first).await, "one");
    let (session, url) = (first.session().unwrap().clone(), first.resume_url().unwrap().to_owned());
    drop(first);
    discord.say(channel, ada, "two");
    discord.say(channel, ada, "three");

    let mut second = shard(subject.config().session(session.clone()).resume_url(url));
    assert_eq!(text(&mut second).await, "two");
    assert_eq!(text(&mut second).await, "three");
    resumed(&mut second).await;
    assert_eq!((discord.identifies(), discord.resumes()), (1, 1));

    // From the same place once more: everything is told once more.
    let mut third = shard(subject.config().session(session));
    assert_eq!(text(&mut third).await, "two");
}

#[tokio::test]
async fn cut_reconnect_and_invalidated_but_resumable_all_end_in_a_resume() {
    let subject = subject().await;
    let (discord, channel, ada) = (&subject.discord, subject.channel, subject.ada);
    let mut shard = shard(subject.config());
    ready(&mut shard).await;
    for (count, trouble) in [Discord::drop_sockets, Discord::ask_to_reconnect, |discord: &Discord| {
        discord.invalidate_sessions(true);
    }]
    .into_iter()
    .enumerate()
    {
        trouble(discord);
        resumed(&mut shard).await;
        assert_eq!(discord.resumes(), u64::try_from(count).unwrap() + 1);
    }
    discord.say(channel, ada, "still here");
    assert_eq!(text(&mut shard).await, "still here");
    assert_eq!(discord.identifies(), 1);
}

#[tokio::test]
async fn a_session_that_is_over_or_too_old_begins_anew() {
    let subject = subject().await;
    let discord = &subject.discord;
    let mut shard = shard(subject.config());
    ready(&mut shard).await;
    discord.invalidate_sessions(false);
    ready(&mut shard).await;
    discord.forget_sessions();
    ready(&mut shard).await;
    assert_eq!((discord.identifies(), discord.resumes()), (3, 0));
}

#[tokio::test]
async fn identifying_again_at_once_is_refused() {
    let subject = subject().await;
    subject.discord.set_identify_pause(Duration::from_secs(5));
    let mut first = shard(subject.config());
    ready(&mut first).await;
    let mut second = shard(subject.config());
    heard(&mut second, |event| {
        matches!(event, Event::GatewayInvalidateSession(false)).then_some(())
    })
    .await;
    assert_eq!(subject.discord.identifies(), 1);
}

#[tokio::test]
async fn a_frozen_socket_is_told_by_its_missing_heartbeats() {
    let subject = subject().await;
    let (discord, channel, ada) = (&subject.discord, subject.channel, subject.ada);
    discord.set_heartbeat(Duration::from_millis(200));
    let mut shard = shard(subject.config());
    ready(&mut shard).await;
    discord.freeze_sockets();
    discord.say(channel, ada, "into the void");
    assert_eq!(discord.live_sockets(), 0);
    assert_eq!(text(&mut shard).await, "into the void");
    assert_eq!(discord.resumes(), 1);
}
