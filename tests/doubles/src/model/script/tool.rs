//! Calls of tools as a real model makes them: a tool whose schema is deferred is searched for first.

use serde_json::{Value, json};

use super::super::protocol::reply::Reply;
use super::super::protocol::request::{ModelRequest, Step};

/// Runs a shell command.
pub(super) const BASH: &str = "Bash";
/// Before the name of every tool of the host.
pub(super) const HOST: &str = "mcp__nanoclaw__";
/// Sends a chat message before the turn ends.
pub(super) const SEND_MESSAGE: &str = "mcp__nanoclaw__send_message";
/// Loads the schemas of tools that the request only names.
const SEARCH: &str = "ToolSearch";

/// Calls a tool, or searches for it; `None` when the agent has no such tool.
pub(super) fn call(request: &ModelRequest, name: &str, input: Value) -> Option<Reply> {
    if request.offers(name) {
        return Some(Reply::tool(name, input));
    }
    let query = json!(format!("select:{name}"));
    let searched = request
        .current_turn()
        .iter()
        .any(|step| matches!(step, Step::Call { name, input, .. } if name == SEARCH && input["query"] == query));
    let search = request.offers(SEARCH) && !searched;
    search.then(|| Reply::tool(SEARCH, json!({ "query": query, "max_results": 1 })))
}
