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

/** Whether a stream shows colours and redrawing. */
export function isTerminal(stream: { readonly isTTY?: boolean }): boolean {
  const { NO_COLOR, TERM, CI } = process.env;
  return stream.isTTY === true && !NO_COLOR && TERM !== 'dumb' && !CI;
}
