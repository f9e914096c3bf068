import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import test from 'ava';
import { openApi, type TestApi } from '../http/api.js';

let api: TestApi;
test.before(async (t) => {
  api = await openApi(t);
});
test.after.always(() => api?.close());

const get = (url: string, headers: Record<string, string> = {}) => api.server.inject({ url, headers });

async function asset(extension: string): Promise<string> {
  const { body } = await get('/');
  const [url = ''] = new RegExp(`/assets/[\\w-]+\\.${extension}`).exec(body) ?? [];
  return url;
}

test('nothing inline, nothing from elsewhere; what never changes is kept', async (t) => {
  const index = await get('/');
  t.regex(String(index.headers['content-security-policy']), /default-src 'none'; script-src 'self'/);
  t.is(index.headers['cache-control'], 'no-cache');
  const script = await get(await asset('js'));
  t.is(script.statusCode, 200);
  t.is(script.headers['cache-control'], 'public, max-age=31536000, immutable');
  t.is(script.headers['content-type'], 'text/javascript; charset=utf-8');
  t.is((await get('/assets/..%2Findex.html')).statusCode, 404);
  t.is((await get('/assets/none.js')).statusCode, 404);
  t.is((await get(`${await asset('js')}.br`)).statusCode, 404);
});

for (const extension of ['js', 'css']) {
  test(`${extension}: compressed for who takes it, with a tag for each`, async (t) => {
    const url = await asset(extension);
    const plain = await get(url);
    t.is(plain.headers['content-encoding'], undefined);
    const tags = new Set([plain.headers.etag]);
    for (const [accepted, encoding, decoded] of [
      ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
      ['gzip;q=1.0, br;q=0', 'gzip', gunzipSync],
    ] as const) {
      const answer = await get(url, { 'accept-encoding': accepted });
      t.is(answer.headers['content-encoding'], encoding);
      t.deepEqual(decoded(answer.rawPayload), plain.rawPayload);
      t.true(answer.rawPayload.length < plain.rawPayload.length / 2);
      t.is(answer.headers['content-type'], plain.headers['content-type']);
      tags.add(answer.headers.etag);
    }
    t.is(tags.size, 3);
    for (const accepted of ['', 'deflate', 'identity']) {
      const answer = await get(url, { 'accept-encoding': accepted });
      t.is(answer.headers['content-encoding'], undefined);
      t.is(answer.headers.vary, 'accept-encoding');
    }
  });
}

test('what a browser has already is not sent again', async (t) => {
  for (const url of ['/', await asset('js'), '/favicon.ico']) {
    const headers = { 'accept-encoding': 'br' };
    const first = await get(url, headers);
    const tag = String(first.headers.etag);
    for (const known of [tag, `"other", ${tag}`, `W/${tag}`]) {
      const again = await get(url, { ...headers, 'if-none-match': known });
      t.is(again.statusCode, 304, url);
      t.is(again.body, '');
      t.is(again.headers.etag, tag);
      t.is(again.headers['cache-control'], first.headers['cache-control']);
      t.is(again.headers.vary, first.headers.vary);
      t.is(again.headers['content-security-policy'], first.headers['content-security-policy']);
    }
    t.is((await get(url, { ...headers, 'if-none-match': '"other"' })).statusCode, 200);
  }
});
