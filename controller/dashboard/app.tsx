/** The page: header, banner of the connection, and the view that the address names. */
import { useEffect, useState } from 'preact/hooks';
import { Banner } from './banner.tsx';
import { DeviceView } from './device/device-view.tsx';
import { FleetView } from './fleet/fleet-view.tsx';
import { Header } from './header.tsx';
import { ModelView } from './models/model-view.tsx';
import { ModelsView } from './models/models-view.tsx';
import { Boundary } from './parts/boundary.tsx';
import { Notice } from './parts/notice.tsx';
import { RolloutView } from './rollouts/rollout-view.tsx';
import { RolloutsView } from './rollouts/rollouts-view.tsx';
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
    case 'device':
      return <DeviceView device={route.device} />;
    case 'models':
      return <ModelsView />;
    case 'model':
      return <ModelView name={route.name} version={route.version} />;
    case 'rollouts':
      return <RolloutsView />;
    case 'rollout':
      return <RolloutView id={route.id} />;
    case 'unknown':
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
