import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { ApiError } from "@/api/client";
import { queryClient, sessionQuery, setupQuery, systemQuery } from "@/api/queries";
import { Failure } from "@/parts/states";
import { NotFound } from "./NotFound";
import { Shell } from "./Shell";
import * as search from "./search";

const root = createRootRoute({
  component: Outlet,
  notFoundComponent: () => (
    <main>
      <NotFound />
    </main>
  ),
});

const setup = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  component: lazyRouteComponent(() => import("@/screens/entry/Setup"), "Setup"),
});

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: search.loginSearch,
  component: lazyRouteComponent(() => import("@/screens/entry/Login"), "Login"),
});

/** Where a phone becomes a camera: with a token behind the `#`, or logged in. */
const publish = createRoute({
  getParentRoute: () => root,
  path: "/publish/$cameraId",
  component: lazyRouteComponent(() => import("@/publish/PublishPage"), "PublishPage"),
  beforeLoad: async ({ location }) => {
    if (location.hash !== "") return;
    if ((await queryClient.ensureQueryData(sessionQuery)) === null)
      throw redirect({ to: "/login", search: { next: location.href } });
  },
});

/** Who logged in on the way to a plain page goes on there: it is none of this application's. */
const watch = createRoute({
  getParentRoute: () => root,
  path: "/watch/$cameraId",
  beforeLoad: ({ location }) => {
    throw redirect({ href: location.href, reloadDocument: true });
  },
});

/** Times are told in the site's zone from the first picture on; without an answer in that of this device, until one comes. */
const knowZone = (): Promise<unknown> => queryClient.ensureQueryData(systemQuery).catch(() => undefined);

/** Everything behind the log-in. */
const house = createRoute({
  getParentRoute: () => root,
  id: "house",
  component: Shell,
  errorComponent: ({ error, reset }) => <Failure error={error} retry={reset} />,
  beforeLoad: async ({ location }) => {
    const session = await queryClient.ensureQueryData(sessionQuery).catch((error: unknown) => {
      // Without an answer show the page: the banner tells of the lost server, and the lists retry by themselves.
      if (error instanceof ApiError && error.status === 0) return undefined;
      throw error;
    });
    if (session !== null) {
      if (session !== undefined) await knowZone();
      return;
    }
    const { needed } = await queryClient.fetchQuery(setupQuery);
    if (needed) throw redirect({ to: "/setup" });
    throw redirect({ to: "/login", search: { next: location.href } });
  },
});

const home = createRoute({
  getParentRoute: () => house,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/live", search: {} });
  },
});

const live = createRoute({
  getParentRoute: () => house,
  path: "/live",
  validateSearch: search.liveSearch,
  component: lazyRouteComponent(() => import("@/screens/live/Live"), "Live"),
});

const cameraLive = createRoute({
  getParentRoute: () => house,
  path: "/live/$cameraId",
  validateSearch: search.cameraLiveSearch,
  component: lazyRouteComponent(() => import("@/screens/camera/CameraPage"), "CameraPage"),
});

const playback = createRoute({
  getParentRoute: () => house,
  path: "/playback",
  validateSearch: search.playbackSearch,
  component: lazyRouteComponent(() => import("@/screens/playback/Playback"), "Playback"),
});

const events = createRoute({
  getParentRoute: () => house,
  path: "/events",
  validateSearch: search.eventsSearch,
  component: lazyRouteComponent(() => import("@/screens/events/Events"), "Events"),
});

const cameras = createRoute({
  getParentRoute: () => house,
  path: "/cameras",
  component: lazyRouteComponent(() => import("@/screens/cameras/Cameras"), "Cameras"),
});

const newCamera = createRoute({
  getParentRoute: () => house,
  path: "/cameras/new",
  validateSearch: search.newCameraSearch,
  component: lazyRouteComponent(() => import("@/screens/cameras/NewCamera"), "NewCamera"),
});

const editCamera = createRoute({
  getParentRoute: () => house,
  path: "/cameras/$cameraId",
  validateSearch: search.cameraSearch,
  component: lazyRouteComponent(() => import("@/screens/cameras/EditCamera"), "EditCamera"),
});

/** What looks at a camera, and what it sees. */
const cameraAi = createRoute({
  getParentRoute: () => house,
  path: "/cameras/$cameraId/ai",
  component: lazyRouteComponent(() => import("@/screens/ai/AiPage"), "AiPage"),
});

/** Who crossed the lines of a camera. */
const cameraCounts = createRoute({
  getParentRoute: () => house,
  path: "/cameras/$cameraId/counts",
  component: lazyRouteComponent(() => import("@/screens/counts/Counts"), "Counts"),
});

const users = createRoute({
  getParentRoute: () => house,
  path: "/users",
  component: lazyRouteComponent(() => import("@/screens/users/Users"), "Users"),
});

/** What players and other systems watch with. */
const players = createRoute({
  getParentRoute: () => house,
  path: "/players",
  component: lazyRouteComponent(() => import("@/screens/tokens/Tokens"), "Tokens"),
});

const exportsPage = createRoute({
  getParentRoute: () => house,
  path: "/exports",
  validateSearch: search.exportsSearch,
  component: lazyRouteComponent(() => import("@/screens/exports/Exports"), "Exports"),
});

const bookmarks = createRoute({
  getParentRoute: () => house,
  path: "/bookmarks",
  validateSearch: search.bookmarksSearch,
  component: lazyRouteComponent(() => import("@/screens/bookmarks/Bookmarks"), "Bookmarks"),
});

const capacity = createRoute({
  getParentRoute: () => house,
  path: "/capacity",
  component: lazyRouteComponent(() => import("@/screens/capacity/Capacity"), "Capacity"),
});

const storage = createRoute({
  getParentRoute: () => house,
  path: "/storage",
  validateSearch: search.storageSearch,
  component: lazyRouteComponent(() => import("@/screens/storage/Storage"), "Storage"),
});

const audit = createRoute({
  getParentRoute: () => house,
  path: "/audit",
  validateSearch: search.auditSearch,
  component: lazyRouteComponent(() => import("@/screens/audit/Audit"), "Audit"),
});

const settings = createRoute({
  getParentRoute: () => house,
  path: "/settings",
  validateSearch: search.settingsSearch,
  component: lazyRouteComponent(() => import("@/screens/settings/Settings"), "Settings"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    setup,
    login,
    publish,
    watch,
    house.addChildren([
      home,
      live,
      cameraLive,
      playback,
      events,
      cameras,
      newCamera,
      editCamera,
      cameraAi,
      cameraCounts,
      users,
      players,
      exportsPage,
      bookmarks,
      storage,
      capacity,
      audit,
      settings,
    ]),
  ]),
  defaultPreload: "intent",
  defaultPreloadStaleTime: 0,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
