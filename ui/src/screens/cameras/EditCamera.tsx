import { Tabs } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense } from "react";
import { useTranslation } from "react-i18next";
import { camerasQuery, linesQuery, rulesQuery, zonesQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { NotFound } from "@/app/NotFound";
import { CAMERA_TABS } from "@/app/search";
import { StatePill } from "@/parts/badges";
import { Page } from "@/parts/Page";
import { Failure, Loading } from "@/parts/states";
import { General } from "./General";
import { RulesForm } from "./RulesForm";
import { ZonesForm } from "./ZonesForm";

const DevicePanel = lazy(() =>
  import("@/onvif/DevicePanel").then((module) => ({ default: module.DevicePanel })),
);
const AddressesOf = lazy(() =>
  import("../tokens/AddressesOf").then((module) => ({ default: module.AddressesOf })),
);
const ReportsForm = lazy(() =>
  import("@/onvif/ReportsForm").then((module) => ({ default: module.ReportsForm })),
);

/** Only a camera that we connect to can have an ONVIF device beside its stream. */
const speaksRtsp = (camera: Camera): boolean => /^rtsps?:/.test(camera.url);

export function EditCamera() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { cameraId } = useParams({ from: "/house/cameras/$cameraId" });
  const { tab = "general" } = useSearch({ from: "/house/cameras/$cameraId" });
  const cameras = useQuery(camerasQuery);
  const zones = useQuery({ ...zonesQuery(cameraId), refetchOnWindowFocus: false });
  const lines = useQuery({ ...linesQuery(cameraId), refetchOnWindowFocus: false });
  const rules = useQuery({ ...rulesQuery(cameraId), refetchOnWindowFocus: false });
  if (cameras.isPending) return <Loading rows={4} />;
  if (cameras.data === undefined)
    return <Failure error={cameras.error} retry={() => void cameras.refetch()} />;
  const camera = cameras.data.find((row) => row.id === cameraId);
  if (camera === undefined) return <NotFound />;
  const failed = zones.error ?? lines.error ?? rules.error;
  const ready = zones.data !== undefined && lines.data !== undefined && rules.data !== undefined;
  const again = (): void => {
    for (const asked of [zones, lines, rules]) if (asked.isError) void asked.refetch();
  };

  return (
    <Page
      title={camera.name}
      detail={
        <>
          <Link to="/cameras" className="hc-back" aria-label={t("cameras.backToList")}>
            <IconArrowLeft size={16} aria-hidden />
          </Link>
          <StatePill camera={camera} />
        </>
      }
    >
      <Tabs
        value={tab}
        onChange={(next) =>
          void navigate({
            to: "/cameras/$cameraId",
            params: { cameraId },
            search: { tab: CAMERA_TABS.find((row) => row === next) },
            replace: true,
          })
        }
        keepMounted={false}
      >
        <Tabs.List mb="md">
          {CAMERA_TABS.map((value) => (
            <Tabs.Tab key={value} value={value}>
              {t(`cameras.tab_${value}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="general">
          <General key={camera.id} camera={camera} />
          {speaksRtsp(camera) && (
            <Suspense fallback={<Loading rows={2} height={34} />}>
              <DevicePanel key={camera.id} camera={camera} />
            </Suspense>
          )}
          <Suspense fallback={<Loading rows={2} height={34} />}>
            <AddressesOf camera={camera.id} />
          </Suspense>
        </Tabs.Panel>
        <Tabs.Panel value="zones">
          {ready ? (
            <ZonesForm key={camera.id} camera={camera} zones={zones.data} lines={lines.data} />
          ) : failed ? (
            <Failure error={failed} retry={again} />
          ) : (
            <Loading rows={1} height={420} />
          )}
        </Tabs.Panel>
        <Tabs.Panel value="rules">
          {ready ? (
            <RulesForm
              key={camera.id}
              camera={camera}
              zones={zones.data}
              lines={lines.data}
              rules={rules.data}
            />
          ) : failed ? (
            <Failure error={failed} retry={() => void rules.refetch()} />
          ) : (
            <Loading rows={3} height={120} />
          )}
          {speaksRtsp(camera) && (
            <Suspense fallback={<Loading rows={2} height={34} />}>
              <ReportsForm key={camera.id} camera={camera} />
            </Suspense>
          )}
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}
