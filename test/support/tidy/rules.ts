/** What every source file keeps to, one rule a row: what is found, and what to write instead. */
import { isNode, type Node, type Source } from './sources.ts';

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

export interface Rule {
  readonly name: string;
  readonly instead: string;
  find(source: Source): readonly Finding[];
}

const linesMax = 300;
const functionLinesMax = 70;
const columnsMax = 100;
const parametersMax = 3;

/** Files where a value that was just checked gets its type: everywhere else types are facts. */
const doors = [
  'shared/protocol/messages.ts',
  'shared/protocol/fields.ts',
  'controller/api/route.ts',
];

export const rules: readonly Rule[] = [
  {
    name: `a file has at most ${linesMax} lines`,
    instead: 'split it by topic',
    find: (source) =>
      source.lines.length - 1 > linesMax
        ? [at(source, source.lines.length, `${source.lines.length - 1} lines`)]
        : [],
  },
  {
    name: `a line has at most ${columnsMax} columns`,
    instead: 'break the line',
    find: (source) =>
      source.lines.flatMap((line, index) =>
        line.length > columnsMax ? [at(source, index + 1, `${line.length} columns`)] : [],
      ),
  },
  {
    name: `a function has at most ${functionLinesMax} lines`,
    instead: 'give its parts names',
    find: each(isFunction, (source, node) => {
      const lines = source.text.slice(node.start, node.end).split('\n').length;
      return lines > functionLinesMax ? `${lines} lines` : null;
    }),
  },
  {
    name: `a function has at most ${parametersMax} parameters`,
    instead: 'take an object with named members',
    find: each(isFunction, (_, node) => {
      const count = Array.isArray(node.params) ? node.params.length : 0;
      return count > parametersMax ? `${count} parameters` : null;
    }),
  },
  {
    name: 'exports are named, where the thing is defined',
    instead: 'name the export and import it from its own file',
    find: each(
      (node) =>
        ['ExportDefaultDeclaration', 'ExportAllDeclaration'].includes(node.type) ||
        (node.type === 'ExportNamedDeclaration' && isNode(node.source)),
      (source) => (/\.config\.m?[jt]s$/.test(source.path) ? null : 'default or passed-on export'),
    ),
  },
  {
    name: 'types are checked, not claimed',
    instead: 'check the value with a schema or a guard, or shape the code so that the type follows',
    find: each(
      (node) => ['TSAsExpression', 'TSNonNullExpression', 'TSAnyKeyword'].includes(node.type),
      (source, node) => {
        const written = source.text.slice(node.start, node.end);
        const allowed = written.endsWith('as const') || doors.includes(source.path);
        return allowed ? null : (written.split('\n').at(-1) ?? written);
      },
    ),
  },
  {
    name: 'a class is an error',
    instead: 'write a function that returns an object',
    find: each(
      (node) => node.type === 'ClassDeclaration' || node.type === 'ClassExpression',
      (_, node) => {
        const parent = isNode(node.superClass) ? String(node.superClass.name) : '';
        return parent.endsWith('Error') ? null : 'class';
      },
    ),
  },
  {
    name: 'nothing is left for later',
    instead: 'do it now, or leave it out and say so in the documentation',
    find: words(/\b(TO[D]O|FIX[M]E|X{3}|HA[C]K)\b/),
  },
  {
    name: 'a table that is filled by names from outside is a Map',
    instead: 'fill a Map and take Object.fromEntries: an object takes __proto__ for its prototype',
    find: (source) =>
      /^(agent|controller|commands|shared\/(?!compress|onnx|evaluate))/.test(source.path)
        ? words(/: (Readonly<)?(Record<string\b|Tensors\b).* = \{\};$/)(source)
        : [],
  },
  {
    name: 'memory of a process is read in one place, not in pages, whose size differs',
    instead: 'use shared/process-memory.ts',
    find: (source) =>
      source.path === 'shared/process-memory.ts'
        ? []
        : words(/(VmR[S]S:|VmH[W]M:|\/stat[m]\b)/)(source),
  },
  {
    name: 'nothing names the machine it was written on',
    instead: 'use a path relative to the repository, the home or the temporary folder',
    find: words(/(["'`\s(]|file:\/\/)\/(home|root|work|Users)\/\w/),
  },
];

function isFunction(node: Node): boolean {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
}

function each(
  wanted: (node: Node) => boolean,
  judge: (source: Source, node: Node) => string | null,
): Rule['find'] {
  return (source) =>
    source.nodes.filter(wanted).flatMap((node) => {
      const what = judge(source, node);
      return what === null ? [] : [at(source, source.lineOf(node), what)];
    });
}

function words(pattern: RegExp): Rule['find'] {
  return (source) =>
    source.lines.flatMap((line, index) => {
      const match = pattern.exec(line);
      return match ? [at(source, index + 1, match[0].trim())] : [];
    });
}

function at(source: Source, line: number, what: string): Finding {
  return { path: source.path, line, what };
}
