/** Colours, or none where the output is no terminal or the user asked for none (no-color.org). */
import { styleText } from 'node:util';

const styles = ['bold', 'dim', 'red', 'green', 'yellow', 'cyan'] as const;
export type StyleName = (typeof styles)[number];
export type Style = Readonly<Record<StyleName, (text: string) => string>>;

export function createStyle(enabled: boolean): Style {
  const paint = (name: StyleName) => (text: string) =>
    enabled ? styleText(name, text, { validateStream: false }) : text;
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    green: paint('green'),
    yellow: paint('yellow'),
    cyan: paint('cyan'),
  };
}

interface Stream {
  readonly isTTY?: boolean;
}

/** Whether a stream can be redrawn. */
export function isTerminal(stream: Stream): boolean {
  const { TERM, CI } = process.env;
  return stream.isTTY === true && TERM !== 'dumb' && !CI;
}

/** Whether it shows colours: `NO_COLOR` takes those away, and nothing else. */
export function hasColours(stream: Stream): boolean {
  return isTerminal(stream) && !process.env.NO_COLOR;
}
