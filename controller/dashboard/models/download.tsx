/** Saves a variant's file: fetched with the token, which a plain link could not carry. */
import { useState } from 'preact/hooks';
import type { Digest } from '../../../shared/digest.ts';
import { shortDigest } from '../format/model.ts';
import { useWorld } from '../state/world.ts';

interface DownloadProps {
  readonly digest: Digest;
  /** What the file is called, without its suffix. */
  readonly name: string;
}

export function Download({ digest, name }: DownloadProps) {
  const { api } = useWorld();
  const [state, setState] = useState<'idle' | 'busy' | 'failed'>('idle');
  const save = async () => {
    setState('busy');
    const answer = await api.blob(digest);
    setState(answer.ok ? 'idle' : 'failed');
    if (answer.ok) saveBlob(answer.value, `${name}.onnx`);
  };
  return (
    <button
      type="button"
      class="plain download"
      disabled={state === 'busy'}
      title={`Download ${digest}`}
      onClick={save}
    >
      <code>{shortDigest(digest)}</code> {state === 'failed' ? 'failed, try again' : 'download'}
    </button>
  );
}

function saveBlob(blob: Blob, fileName: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName;
  link.click();
  // The browser holds on to the file once the download has begun.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
