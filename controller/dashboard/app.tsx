/** The page: header, banner of the connection, and the view that the address names. */
import { useEffect, useState } from 'preact/hooks';
import { Banner } from './banner.tsx';
import { FleetView } from './fleet/fleet-view.tsx';
import { Header } from './header.tsx';
import { Boundary } from './parts/boundary.tsx';
import { Notice } from './parts/notice.tsx';
import { SignIn } from './sign-in.tsx';
import { parseRoute, type Route } from './state/route.ts';
import { useTopics, useWorld } from './state/world.ts';

export function App() {
  const { store } = useWorld();
  useTopics('status');
  const route = useRoute();
  const status = store.status();
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <Header route={route} status={status} />
      <Banner status={status} />
      <main id="main" tabIndex={-1}>
        {status.state === 'unauthorized' ? (
          <SignIn reason={status.reason} />
        ) : (
          <Boundary key={location.hash.split('?')[0]}>
            <View route={route} />
          </Boundary>
        )}
      </main>
    </>
  );
}

function View({ route }: { readonly route: Route }) {
  switch (route.view) {
    case 'fleet':
      return <FleetView query={route.query} />;
    default:
      return (
        <Notice title="There is no such page">
          <p>
            <a href="#/">Back to the fleet</a>
          </p>
        </Notice>
      );
  }
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash));
  useEffect(() => {
    const onChange = () => {
      const next = parseRoute(location.hash);
      setRoute(next);
      scrollTo(0, 0);
    };
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return route;
}
