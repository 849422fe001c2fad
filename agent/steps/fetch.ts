/** Brings the files of a choice here again, where they are gone. */
import { controllerSource } from '../variant-source.ts';
import { findChoice } from './choice.ts';
import type { StepContext } from './step.ts';

export async function fetchChosen(context: StepContext): Promise<void> {
  const { journal, identity, files, signal, status } = context;
  const slot = findChoice(context);
  if (slot === null) return;
  const { model, version, recipe, recipeName } = slot.serving;
  status('fetching', `fetches ${recipeName}`);
  const source = controllerSource({ identity, files, model, version });
  const file = await source.get(recipe, {
    signal,
    onProgress: (progress) => status('fetching', `fetches ${recipeName}`, progress),
  });
  // Another compressor may have built it anew meanwhile.
  const serving = { ...slot.serving, variant: file.digest, bytes: file.bytes };
  journal.change({ chosen: { ...slot, serving, golden: files.digestOfPath(file.goldenPath) } });
}
