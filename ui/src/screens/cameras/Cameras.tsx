import { ActionIcon, Menu, TextInput } from "@mantine/core";
import {
  IconDeviceCctv,
  IconDots,
  IconEdit,
  IconHistory,
  IconMovie,
  IconPlus,
  IconPolygon,
  IconSearch,
  IconTrash,
  IconVideo,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { REVERSE } from "@/api/dialling";
import { isPhone } from "@/api/phones";
import { PUSHED } from "@/api/pushClients";
import { camerasQuery, sessionQuery } from "@/api/queries";
import type { Camera } from "@/api/types";
import { filmsQuery, isFilm } from "@/films/types";
import { StatePill } from "@/parts/badges";
import { LinkButton } from "@/parts/links";
import { faultText } from "@/parts/names";
import { Page } from "@/parts/Page";
import { Empty, Failure, Loading } from "@/parts/states";
import { Thumb } from "@/parts/Thumb";
import { bitRate } from "@/time/duration";
import { DeleteCamera } from "./DeleteCamera";

export function Cameras() {
  const { t } = useTranslation();
  const cameras = useQuery(camerasQuery);
  const admin = useQuery(sessionQuery).data?.user.role === "admin";
  const [wanted, setWanted] = useState("");
  const [doomed, setDoomed] = useState<Camera | null>(null);
  const all = cameras.data ?? [];
  const needle = wanted.trim().toLowerCase();
  const shown = all.filter((camera) => `${camera.name} ${camera.url}`.toLowerCase().includes(needle));
  const add = admin && (
    <LinkButton to="/cameras/new" leftSection={<IconPlus size={16} />}>
      {t("cameras.add")}
    </LinkButton>
  );

  return (
    <Page
      title={t("nav.cameras")}
      detail={all.length > 0 && <span>{t("cameras.count", { count: all.length })}</span>}
      actions={
        all.length > 0 && (
          <>
            {all.length > 5 && (
              <TextInput
                size="sm"
                leftSection={<IconSearch size={15} />}
                placeholder={t("cameras.find")}
                aria-label={t("cameras.find")}
                value={wanted}
                onChange={(event) => setWanted(event.currentTarget.value)}
              />
            )}
            {add}
          </>
        )
      }
    >
      {cameras.isPending && <Loading rows={5} height={64} retry={() => void cameras.refetch()} />}
      {cameras.isError && cameras.data === undefined && (
        <Failure error={cameras.error} retry={() => void cameras.refetch()} />
      )}
      {cameras.isSuccess && all.length === 0 && (
        <Empty
          icon={IconDeviceCctv}
          title={t("live.none")}
          hint={admin ? t("live.noneHint") : t("live.noneViewer")}
        >
          {add}
        </Empty>
      )}
      {all.length > 0 && shown.length === 0 && (
        <Empty icon={IconSearch} title={t("cameras.noMatch", { text: wanted })} />
      )}
      {shown.length > 0 && (
        <div className="hc-table-wrap">
          <table className="hc-table hc-camera-table">
            <thead>
              <tr>
                <th>{t("cameras.name")}</th>
                <th>{t("cameras.state")}</th>
                <th>{t("cameras.picture")}</th>
                <th>{t("cameras.address")}</th>
                <th>
                  <span className="hc-visually-hidden">{t("cameras.actions")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((camera) => (
                <Row key={camera.id} camera={camera} admin={admin} remove={() => setDoomed(camera)} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {doomed !== null && <DeleteCamera camera={doomed} close={() => setDoomed(null)} />}
    </Page>
  );
}

function Row({ camera, admin, remove }: { camera: Camera; admin: boolean; remove: () => void }) {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const { status } = camera;
  const films = useQuery({ ...filmsQuery, enabled: admin && isFilm(camera) });
  const film = films.data?.find((one) => one.camera === camera.id);
  const live = status.state === "live";
  const params = { cameraId: camera.id };
  return (
    <tr data-camera={camera.id}>
      <td>
        <Link
          {...(isFilm(camera)
            ? { to: "/playback", search: { camera: camera.id, t: film?.start_ms ?? undefined } }
            : { to: "/live/$cameraId", params })}
          className="hc-camera-name"
        >
          <span className="hc-camera-thumb">
            {isFilm(camera) ? (
              <IconMovie size={20} stroke={1.4} aria-hidden />
            ) : (
              <IconDeviceCctv size={20} stroke={1.4} aria-hidden />
            )}
            {live && <Thumb src={`/api/cameras/${camera.id}/latest.jpg?width=160`} />}
          </span>
          <strong>{camera.name}</strong>
        </Link>
      </td>
      <td>
        {isFilm(camera) ? <span className="hc-pill">{t("films.badge")}</span> : <StatePill camera={camera} />}
        {status.error !== null && (
          <div className="hc-bad-text hc-small">
            {faultText(status.error.code, status.error.message)} <code>{status.error.code}</code>
          </div>
        )}
      </td>
      <td className="hc-num hc-dim">
        {live && status.width !== null ? (
          <>
            {status.width}×{status.height} · {status.fps?.toFixed(0)} fps
            <div className="hc-small">
              {status.codec?.toUpperCase()}
              {status.bitrate_bps !== null && <> · {bitRate(status.bitrate_bps, i18n.language)}</>}
            </div>
          </>
        ) : (
          "–"
        )}
      </td>
      <td className="hc-camera-url hc-dim">
        {camera.url === REVERSE
          ? t("dial.wayCamera")
          : camera.url === PUSHED
            ? t("push.way")
            : isPhone(camera)
              ? t("phones.section")
              : isFilm(camera)
                ? "–"
                : camera.url}
      </td>
      <td className="hc-row-actions">
        <Menu position="bottom-end" width={190} withinPortal>
          <Menu.Target>
            <ActionIcon
              variant="subtle"
              color="gray"
              size="lg"
              aria-label={t("cameras.actionsOf", { name: camera.name })}
            >
              <IconDots size={18} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item
              leftSection={<IconVideo size={16} />}
              onClick={() => void navigate({ to: "/live/$cameraId", params })}
            >
              {t("nav.live")}
            </Menu.Item>
            <Menu.Item
              leftSection={<IconHistory size={16} />}
              onClick={() => void navigate({ to: "/playback", search: { camera: camera.id } })}
            >
              {t("nav.playback")}
            </Menu.Item>
            {admin && (
              <>
                <Menu.Divider />
                <Menu.Item
                  leftSection={<IconEdit size={16} />}
                  onClick={() => void navigate({ to: "/cameras/$cameraId", params, search: {} })}
                >
                  {t("cameras.edit")}
                </Menu.Item>
                <Menu.Item
                  leftSection={<IconPolygon size={16} />}
                  onClick={() =>
                    void navigate({ to: "/cameras/$cameraId", params, search: { tab: "zones" } })
                  }
                >
                  {t("cameras.zonesRules")}
                </Menu.Item>
                <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={remove}>
                  {t("cameras.delete")}
                </Menu.Item>
              </>
            )}
          </Menu.Dropdown>
        </Menu>
      </td>
    </tr>
  );
}
