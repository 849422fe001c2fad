/** The documentation agrees with the code, and its links lead somewhere. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { productRoot } from '../shared/product.ts';

const root = productRoot();
const pages = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`),
];

test('the generated pages are fresh', (t) => {
  const run = () =>
    execFileSync(process.execPath, ['deploy/docs.ts', '--check'], { cwd: root, encoding: 'utf8' });
  t.notThrows(run, 'write them again with: npm run docs');
});

for (const page of pages) {
  test(`${page}: one title, and links that lead somewhere`, (t) => {
    const text = readFileSync(join(root, page), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    t.is(text.match(/^# /gm)?.length, 1);
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const broken = targets
      .filter((target) => !/^(https?:|#|mailto:)/.test(target))
      .filter((target) => !existsSync(join(root, dirname(page), target.replace(/#.*$/, ''))));
    t.deepEqual(broken, []);
  });
}
