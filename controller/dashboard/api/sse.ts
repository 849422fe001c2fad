/**
 * Server-sent events out of a stream of text (WHATWG HTML, 9.2.6 "Interpreting an event stream").
 */

export interface SseEvent {
  readonly name: string;
  readonly data: string;
}

/**
 * The longest event that is put together; a server that never ends a line must not fill the memory.
 */
const eventCharsMax = 32 << 20;

/** A parser that is fed text as it arrives and returns the events that became complete. */
export function createSseParser(): (chunk: string) => SseEvent[] {
  let rest = '';
  let name = '';
  let data: string[] = [];
  const takeLine = (line: string): SseEvent | null => {
    if (line === '') {
      const event = data.length > 0 ? { name: name || 'message', data: data.join('\n') } : null;
      name = '';
      data = [];
      return event;
    }
    const [field, value] = splitField(line);
    if (field === 'event') name = value;
    if (field === 'data') data.push(value);
    return null;
  };
  return (chunk) => {
    const lines = (rest + chunk).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    if (rest.length > eventCharsMax) throw new RangeError('an event of the stream is too long');
    return lines.map(takeLine).filter((event) => event !== null);
  };
}

/** A line that begins with a colon is a comment: its field is ''. */
function splitField(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  if (colon === -1) return [line, ''];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
}
