/**
 * Offers the credential proxy's Unix socket on loopback, because HTTP clients want a host and a port. Bytes in, bytes out:
 * it knows nothing of HTTP and holds no credential.
 *
 * One self-contained file on purpose: besides being imported, it is mounted into foreign images and run there as
 * `node forwarder.mjs -- command args…` with CLAWHOLD_FORWARD_PORT set. The build writes it under both names: without a
 * package.json beside it, Node 18 takes only `.mjs` for a module.
 */
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { constants } from 'node:os';
import { pipeline } from 'node:stream';
import { fileURLToPath } from 'node:url';
/** Far above what one agent opens, so that a runaway loop meets a limit before the host's socket does. */
const CONNECTIONS_MAX = 256;
/**
 * Listens on 127.0.0.1 (port 0: the OS chooses) and joins each connection to `proxy`: a path, or `host:port`.
 * Half-closed connections stay half-closed; `pipeline` gives back-pressure and closes both ends on an error.
 */
export function startForwarder(proxy, port = 0) {
    const server = createServer({ allowHalfOpen: true }, (client) => join(client, dial(proxy)));
    server.maxConnections = CONNECTIONS_MAX;
    return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', () => {
            server.off('error', reject);
            const address = server.address();
            if (address === null || typeof address === 'string')
                reject(new Error('loopback has no port'));
            else
                resolve({ server, port: address.port });
        });
    });
}
function dial(proxy) {
    if (proxy.startsWith('/'))
        return createConnection({ path: proxy, allowHalfOpen: true });
    const colon = proxy.lastIndexOf(':');
    const host = proxy.slice(0, colon).replace(/^\[|\]$/g, '');
    return createConnection({ host, port: Number(proxy.slice(colon + 1)), allowHalfOpen: true });
}
function join(client, upstream) {
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    // A broken direction leaves nothing worth keeping of the other one.
    const done = (error) => {
        if (!error)
            return;
        client.destroy();
        upstream.destroy();
    };
    pipeline(client, upstream, done);
    pipeline(upstream, client, done);
}
/** Runs a command beside the forwarder with its streams inherited, and becomes it: its signals, its exit code. */
async function runBeside(command) {
    const [program, ...args] = command;
    const port = Number(process.env['CLAWHOLD_FORWARD_PORT']);
    if (program === undefined || !Number.isInteger(port) || port < 1 || port > 65_535) {
        throw new Error('usage: CLAWHOLD_FORWARD_PORT=<port> forwarder -- command [args…]');
    }
    const inDir = process.env['CLAWHOLD_IN'] || '/clawhold/in';
    await startForwarder(process.env['CLAWHOLD_PROXY_ADDR'] || `${inDir}/proxy.sock`, port);
    const foreign = Object.entries(process.env).filter(([name]) => !name.startsWith('CLAWHOLD_'));
    // Before the command runs: one that comes in its first moment must not end us without it.
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']) {
        process.on(signal, () => child.kill(signal));
    }
    const child = spawn(program, args, { stdio: 'inherit', env: Object.fromEntries(foreign) });
    child.on('error', (error) => {
        process.stderr.write(`forwarder: cannot run ${program}: ${error.message}\n`);
        process.exit(127);
    });
    child.on('exit', (code, signal) => {
        process.exit(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
}
function isEntryPoint() {
    const script = process.argv[1];
    if (script === undefined)
        return false;
    try {
        return realpathSync(script) === realpathSync(fileURLToPath(import.meta.url));
    }
    catch {
        return false;
    }
}
if (isEntryPoint()) {
    const dashes = process.argv.indexOf('--');
    runBeside(dashes < 0 ? [] : process.argv.slice(dashes + 1)).catch((error) => {
        process.stderr.write(`forwarder: ${error.message}\n`);
        process.exit(64);
    });
}
