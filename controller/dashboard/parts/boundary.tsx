/** A view that fails to draw says so and leaves the rest of the page alive. */
import type { ComponentChildren } from 'preact';
import { useErrorBoundary } from 'preact/hooks';
import { Notice } from './notice.tsx';

export function Boundary({ children }: { readonly children: ComponentChildren }) {
  const [thrown, again] = useErrorBoundary();
  if (thrown === undefined) return <>{children}</>;
  return (
    <Notice title="This view could not be drawn" tone="trouble">
      <p>{thrown instanceof Error ? thrown.message : String(thrown)}</p>
      <button type="button" class="button" onClick={again}>
        Try again
      </button>
    </Notice>
  );
}
