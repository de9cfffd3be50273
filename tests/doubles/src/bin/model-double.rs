//! Runs the stand-in model with the demo script on a port of loopback, for use by hand: `model-double [PORT] [demo|echo]`.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, bail};
use doubles::{DEMO_API_KEY, ModelDouble, demo_script, echo_script};

/// The port when none is named.
const PORT_DEFAULT: u16 = 8_099;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let port = match arguments.next() {
        Some(text) => text
            .parse()
            .with_context(|| format!("{text} is not a port; usage: model-double [PORT] [demo|echo]"))?,
        None => PORT_DEFAULT,
    };
    let script = match arguments.next().as_deref() {
        None | Some("demo") => demo_script(),
        Some("echo") => echo_script(),
        Some(other) => bail!("{other} is not a script; usage: model-double [PORT] [demo|echo]"),
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    // Nobody asks this process what it received.
    let double = ModelDouble::new(script)
        .address(address)
        .requests_kept(0)
        .listen()
        .await;
    let double = double.with_context(|| format!("cannot listen on {address}"))?;
    writeln!(
        std::io::stdout(),
        "export ANTHROPIC_BASE_URL={} ANTHROPIC_API_KEY={DEMO_API_KEY}",
        double.base_url()
    )?;
    tokio::signal::ctrl_c().await.context("cannot wait for an interrupt")?;
    double.stop().await;
    Ok(())
}
