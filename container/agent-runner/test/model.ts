/**
 * A stand-in for the Messages API on the proxy's Unix socket: scripted by a function from request to reply, remembers every
 * request. Only what the CLI needs: SSE with text and tool_use blocks, and API errors.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export interface ModelRequest {
  readonly apiKey: string | undefined;
  readonly model: string;
  readonly system: string;
  readonly messages: { role: string; content: unknown }[];
  readonly tools: { name: string }[];
  readonly atMs: number;
}

export type Block = { text: string } | { tool: string; id: string; input: unknown };
export type Reply = { blocks: Block[]; inputTokens?: number } | { status: number; error: string };
export type Script = (request: ModelRequest, turn: number) => Reply | Promise<Reply>;

export class Model {
  readonly requests: ModelRequest[] = [];
  /** Everything that was asked besides messages, as `METHOD path`. */
  readonly others: string[] = [];
  #server: Server;

  constructor(private readonly script: Script) {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: Error) => response.destroy(error));
    });
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve) => this.#server.listen(path, resolve));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method !== 'POST' || !request.url?.startsWith('/v1/messages?')) {
      this.others.push(`${request.method} ${request.url}`);
      response.writeHead(request.method === 'HEAD' ? 200 : 404).end();
      return;
    }
    const body = JSON.parse(Buffer.concat(chunks).toString());
    const asked: ModelRequest = {
      apiKey: request.headers['x-api-key'] as string | undefined,
      model: body.model,
      system: JSON.stringify(body.system ?? ''),
      messages: body.messages,
      tools: body.tools ?? [],
      atMs: Date.now(),
    };
    if (asked.tools.length === 0) {
      this.others.push('title');
      return stream(response, asked.model, [{ text: 'A title' }]);
    }
    this.requests.push(asked);
    const reply = await this.script(asked, this.requests.length);
    if ('status' in reply) {
      const error = { type: 'error', error: { type: reply.error, message: reply.error } };
      response.writeHead(reply.status, { 'content-type': 'application/json' }).end(JSON.stringify(error));
      return;
    }
    stream(response, asked.model, reply.blocks, reply.inputTokens);
  }
}

function stream(response: ServerResponse, model: string, blocks: Block[], inputTokens = 10): void {
  const send = (type: string, data: object): void => {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const usage = {
    input_tokens: inputTokens,
    output_tokens: 1,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
  };
  const id = `msg_${Math.random().toString(36).slice(2)}`;
  const message = { id, type: 'message', role: 'assistant', model, content: [], stop_reason: null, usage };
  send('message_start', { message });
  blocks.forEach((block, index) => {
    const isText = 'text' in block;
    const content_block = isText
      ? { type: 'text', text: '' }
      : { type: 'tool_use', id: block.id, name: block.tool, input: {} };
    send('content_block_start', { index, content_block });
    const delta = isText
      ? { type: 'text_delta', text: block.text }
      : { type: 'input_json_delta', partial_json: JSON.stringify(block.input) };
    send('content_block_delta', { index, delta });
    send('content_block_stop', { index });
  });
  const stop_reason = blocks.some((block) => 'tool' in block) ? 'tool_use' : 'end_turn';
  send('message_delta', { delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 5 } });
  send('message_stop', {});
  response.end();
}
