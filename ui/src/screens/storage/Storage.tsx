import { IconDatabase } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { type CameraForecast, cameraPolicyQuery, policyQuery, storageQuery } from "@/api/keeping";
import { camerasQuery, sessionQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { useCameraName } from "@/parts/cameraNames";
import { Page } from "@/parts/Page";
import { Empty, Failure, Loading } from "@/parts/states";
import { Cameras } from "./Cameras";
import { Forecast } from "./Forecast";
import { PolicyDialog } from "./PolicyDialog";
import { Tiers } from "./Tiers";
import "../keeping.css";
import "./storage.css";

/** Where footage lies, how long there is room for it, and how long it is kept. */
export function Storage() {
  const { t } = useTranslation();
  const me = useQuery(sessionQuery).data?.user;
  if (me !== undefined && me.role !== "admin") {
    return (
      <Page title={t("nav.storage")}>
        <Empty icon={IconDatabase} title={t("storage.forbidden")} hint={t("users.forbiddenHint")} />
      </Page>
    );
  }
  return <StoragePage />;
}

function StoragePage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { policy } = useSearch({ from: "/house/storage" });
  const storage = useQuery(storageQuery);
  const fallback = useQuery({ ...policyQuery, refetchOnWindowFocus: false }).data;
  const cameras = useQuery(camerasQuery).data;
  const edit = (next: string | undefined): void =>
    void navigate({ to: "/storage", search: { policy: next }, replace: next === undefined });

  return (
    <Page title={t("nav.storage")}>
      {storage.isPending && <Loading rows={3} height={150} />}
      {storage.isError && storage.data === undefined && (
        <Failure error={storage.error} retry={() => void storage.refetch()} />
      )}
      {storage.data !== undefined && (
        <div className="hc-storage">
          <Forecast report={storage.data} />
          <section>
            <h2>{t("storage.tiers")}</h2>
            <Tiers tiers={storage.data.tiers} />
          </section>
          <Cameras
            cameras={withAll(storage.data.forecast.cameras, cameras ?? [])}
            fallback={fallback}
            edit={edit}
          />
        </div>
      )}
      {policy !== undefined && fallback !== undefined && (
        <EditPolicy key={policy} policy={policy} close={() => edit(undefined)} />
      )}
    </Page>
  );
}

/** Cameras without finished footage are in no forecast, but may be given a policy. */
function withAll(known: CameraForecast[], cameras: Camera[]): CameraForecast[] {
  const listed = new Set(known.map((row) => row.camera));
  const further = cameras.filter((camera) => !listed.has(camera.id));
  return [
    ...known,
    ...further.map(({ id, name }) => ({ camera: id, name, bytes: 0, bytes_per_day: 0, oldest_ms: null })),
  ];
}

/** The dialog, as soon as what is to be edited is known. */
function EditPolicy({ policy, close }: { policy: string; close: () => void }) {
  const fallback = useQuery({ ...policyQuery, refetchOnWindowFocus: false }).data;
  const own = useQuery({
    ...cameraPolicyQuery(policy),
    enabled: policy !== "default",
    refetchOnWindowFocus: false,
  }).data;
  const nameOf = useCameraName();
  if (fallback === undefined) return null;
  if (policy === "default")
    return <PolicyDialog camera={null} saved={fallback} fallback={fallback} close={close} />;
  if (own === undefined) return null;
  const camera = { id: policy, name: nameOf(policy) };
  return <PolicyDialog camera={camera} saved={own} fallback={fallback} close={close} />;
}
