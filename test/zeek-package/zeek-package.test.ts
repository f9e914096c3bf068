import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { projectFile } from '../support/project.js';

const read = (path: string): string => readFileSync(projectFile(path), 'utf8');
const scriptDir = /^script_dir = (\S+)$/m.exec(read('zkg.meta'))?.[1] ?? '';
const scripts = new Map(
  readdirSync(projectFile(`${scriptDir}/`))
    .filter((name) => name.endsWith('.zeek'))
    .map((name) => [name.slice(0, -'.zeek'.length), read(`${scriptDir}/${name}`)]),
);
const doc = read('docs/zeek-package.md');

/** The first capture group of all matches. */
const found = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].flatMap((match) => match[1] ?? []);

/** Scripts of Zeek's own that the package loads, each with the first version that has it. */
const ZEEK_SCRIPTS = [
  'base/frameworks/broker', // 5.0
  'base/frameworks/cluster', // 5.0
  'base/frameworks/logging', // 5.0
  'frameworks/cluster/backend/broker', // 8.1, and not loaded before
  'frameworks/cluster/backend/zeromq', // 7.1
];

test('zkg finds the scripts', (t) => {
  t.true(existsSync(projectFile(`${scriptDir}/__load__.zeek`)));
  t.regex(read('zkg.meta'), /^\[package\]\n/);
});

test('every @load is a script of the package or one of Zeek', (t) => {
  for (const [name, text] of scripts) {
    for (const target of found(text, /^@load (\S+)$/gm)) {
      const isOwn = target.startsWith('./') && scripts.has(target.slice(2));
      t.true(isOwn || ZEEK_SCRIPTS.includes(target), `${name}: ${target}`);
    }
  }
});

test('the documentation loads scripts that are there', (t) => {
  const loaded = found(doc, /@load (?:packages\/)?zeekway\/(\w+)/g);
  t.true(loaded.length > 0);
  for (const name of loaded) t.true(scripts.has(name), name);
});

test('the documentation has the options of the scripts, all of them and no others', (t) => {
  const options = [...scripts.values()].flatMap((text) => found(text, /^\tconst (\w+)\b.*&redef;$/gm));
  const told = found(doc, /Zeekway::(\w+)/g).filter((name) => name !== 'log_records');
  t.deepEqual([...new Set(told)].sort(), options.sort());
});

test('options and events are exported with a comment', (t) => {
  for (const [name, text] of scripts) {
    t.true(text.startsWith('##! '), name);
    for (const before of found(text, /(.*)\n\t(?:const|global) \w+/g)) t.regex(before, /^\t## /, name);
  }
});

test('brackets and conditions are closed', (t) => {
  for (const [name, text] of scripts) {
    const code = text.replaceAll(/"(?:[^"\\]|\\.)*"|\/\^[^/\n]*\/|#.*$/gm, '');
    const count = (pattern: RegExp): number => (code.match(pattern) ?? []).length;
    t.is(count(/\{/g), count(/\}/g), name);
    t.is(count(/\(/g), count(/\)/g), name);
    t.is(count(/\[/g), count(/\]/g), name);
    t.is(count(/^@if(?:def)? /gm), count(/^@endif$/gm), name);
  }
});

test('the arguments of the event are those of the documentation', (t) => {
  const declared = /log_records: event\((.*)\);/.exec(scripts.get('events') ?? '')?.[1] ?? '';
  const table = /^\| argument \|.*\n([\s\S]*?)\n\n/m.exec(doc)?.[1] ?? '';
  t.deepEqual(found(declared, /(\w+): /g), found(table, /^\| `(\w+)` /gm));
});
