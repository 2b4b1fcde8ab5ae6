/* Requests to the server, and the stream of a job's messages. */

/* The answer to a request, as JSON. Throws an Error whose message is the server's own line. */
export async function ask(method, path, body) {
  const answer = await send(method, path, body === undefined ? undefined : JSON.stringify(body), { "Content-Type": "application/json" });
  return answer.json();
}

/* The response to a request, checked. */
export async function send(method, path, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(path, { method, body, headers: body === undefined ? {} : headers });
  } catch {
    throw new Error("The studio does not answer; is it still running?");
  }
  if (answer.ok) return answer;
  let reason = `the studio says ${answer.status}`;
  try { reason = (await answer.json()).error || reason; } catch { /* it is not JSON */ }
  throw new Error(reason);
}

/* Upload a file; `where` decides what it is taken for. */
export async function upload(where, file, name = file.name) {
  const headers = { "Content-Type": "application/octet-stream", "X-Name": encodeURIComponent(name || "picture") };
  return (await send("POST", where, file, headers)).json();
}

/* The messages of a job, one by one: {header, body}. */
export async function* messages(jobId, signal) {
  const answer = await fetch(`/api/jobs/${jobId}/stream`, { signal });
  if (!answer.ok) return;
  const reader = answer.body.getReader();
  let held = new Uint8Array(0);
  while (true) {
    const { value, done } = await reader.read();
    if (done) return;
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
    while (held.length >= 8) {
      const lengths = new DataView(held.buffer, held.byteOffset), head = lengths.getUint32(0, true), body = lengths.getUint32(4, true);
      if (held.length < 8 + head + body) break;
      const header = JSON.parse(new TextDecoder().decode(held.subarray(8, 8 + head)));
      yield { header, body: held.slice(8 + head, 8 + head + body).buffer };
      held = held.subarray(8 + head + body);
    }
  }
}
