import { expect, test } from 'vitest';
import { checkParts, dependentsOf, type Task } from './part.ts';

function task(name: string, needs: string[] = [], uses: string[] = []): Task {
  const program = () => ({ command: 'true', args: [], env: {} });
  return { kind: 'task', name, about: name, needs, uses, essential: true, program };
}

test('parts that wait for each other are refused, with the circle', () => {
  const parts = [task('shop', ['database']), task('database', ['proxy']), task('proxy', [], ['shop'])];
  expect(() => checkParts(parts)).toThrow('shop -> database -> proxy -> shop');
});

test('a part that needs one that is not there is refused', () => {
  expect(() => checkParts([task('shop', ['database'])])).toThrow('shop needs database, and there is no such part');
});

test('who needs a part and who merely uses it are both stopped before it', () => {
  const parts = [task('database'), task('shop', ['database']), task('proxy', [], ['database']), task('other')];
  expect(dependentsOf(parts[0]!, parts).map(({ name }) => name)).toEqual(['shop', 'proxy']);
});
