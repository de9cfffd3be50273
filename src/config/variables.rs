//! The environment variables that are settings: NanoClaw's names keep working, ours begin with `CLAWHOLD_`.

use service::config::Variable;

use super::FILE_VARIABLE;

/// All of them. Of two for one setting the later one wins.
pub(super) const ALL: &[Variable] = &[
    Variable::text("ASSISTANT_NAME", "assistant_name"),
    Variable::text("TZ", "timezone"),
    Variable::text("LOG_LEVEL", "log.level"),
    Variable::text("CLAWHOLD_DATA_DIR", "data_dir"),
    Variable::text("CLAWHOLD_HTTP_LISTEN", "http.listen"),
    Variable::file("CLAWHOLD_POSTGRES_URL_FILE", "postgres.url"),
    Variable::text("CLAWHOLD_POSTGRES_URL", "postgres.url"),
    Variable::file("CLAWHOLD_NATS_URL_FILE", "nats.url"),
    Variable::text("CLAWHOLD_NATS_URL", "nats.url"),
    Variable::text("CLAWHOLD_NATS_MONITORING_URL", "nats.monitoring_url"),
    Variable::text("CLAWHOLD_NATS_PREFIX", "nats.prefix"),
    Variable::text("CLAWHOLD_NATS_CREDENTIALS_FILE", "nats.credentials_file"),
    Variable::text("CLAWHOLD_NATS_NKEY_FILE", "nats.nkey_file"),
    Variable::text("CLAWHOLD_BLOBS", "blobs.store"),
    Variable::text("CLAWHOLD_BLOBS_DIRECTORY", "blobs.directory"),
    Variable::file("AWS_SECRET_ACCESS_KEY_FILE", "blobs.s3.secret_access_key"),
    Variable::text("AWS_ACCESS_KEY_ID", "blobs.s3.access_key_id"),
    Variable::text("AWS_SECRET_ACCESS_KEY", "blobs.s3.secret_access_key"),
    Variable::text("AWS_SESSION_TOKEN", "blobs.s3.session_token"),
    Variable::text("CLAWHOLD_RUNNER_NAME", "runner.name"),
    Variable::text("CLAWHOLD_GATEWAY_NAME", "gateway.name"),
    Variable::integer("MAX_CONCURRENT_CONTAINERS", "runner.slots"),
    Variable::integer("IDLE_TIMEOUT", "runner.idle_timeout_ms"),
    Variable::integer("CONTAINER_TIMEOUT", "runner.timeout_ms"),
    Variable::text("CONTAINER_IMAGE", "sandbox.image"),
    Variable::text("DOCKER_HOST", "sandbox.engine"),
    Variable::file("ANTHROPIC_API_KEY_FILE", "model.api_key"),
    Variable::text("ANTHROPIC_API_KEY", "model.api_key"),
    Variable::text("ANTHROPIC_AUTH_TOKEN", "model.oauth_token"),
    Variable::file("CLAUDE_CODE_OAUTH_TOKEN_FILE", "model.oauth_token"),
    Variable::text("CLAUDE_CODE_OAUTH_TOKEN", "model.oauth_token"),
    Variable::text("CLAUDE_CODE_OAUTH_REFRESH_TOKEN", "model.oauth_refresh_token"),
    Variable::text("ANTHROPIC_BASE_URL", "model.base_url"),
    Variable::text("ANTHROPIC_MODEL", "model.name"),
    Variable::file("DISCORD_BOT_TOKEN_FILE", "channels.discord.bot_token"),
    Variable::text("DISCORD_BOT_TOKEN", "channels.discord.bot_token"),
    Variable::file("SLACK_BOT_TOKEN_FILE", "channels.slack.bot_token"),
    Variable::text("SLACK_BOT_TOKEN", "channels.slack.bot_token"),
    Variable::file("SLACK_APP_TOKEN_FILE", "channels.slack.app_token"),
    Variable::text("SLACK_APP_TOKEN", "channels.slack.app_token"),
    Variable::file("SLACK_SIGNING_SECRET_FILE", "channels.slack.signing_secret"),
    Variable::text("SLACK_SIGNING_SECRET", "channels.slack.signing_secret"),
    Variable::file("TELEGRAM_BOT_TOKEN_FILE", "channels.telegram.bot_token"),
    Variable::text("TELEGRAM_BOT_TOKEN", "channels.telegram.bot_token"),
    Variable::text("TELEGRAM_BOT_POOL", "channels.telegram.bot_pool"),
    Variable::elsewhere(FILE_VARIABLE),
    // Read by the crash points of the system tests, and by the scripts that build and start this binary.
    // Without the feature it is refused as unknown: a test that kills nothing must not pass for want of a kill.
    #[cfg(feature = "crash-points")]
    Variable::elsewhere("CLAWHOLD_CRASH_AT"),
    Variable::elsewhere("CLAWHOLD_BIN"),
    Variable::elsewhere("CLAWHOLD_CACHE"),
    // Of docker-compose.yml, whose `.env` a node beside it reads too.
    Variable::elsewhere("CLAWHOLD_IMAGE"),
    Variable::elsewhere("CLAWHOLD_PORT"),
    Variable::elsewhere("CLAWHOLD_RUNNER_DIR"),
    Variable::elsewhere("CLAWHOLD_SETTINGS"),
];
