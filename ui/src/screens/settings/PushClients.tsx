import { ActionIcon, Alert, Button, Group, Menu, Stack } from "@mantine/core";
import {
  IconAlertTriangle,
  IconDeviceLaptop,
  IconDots,
  IconPlus,
  IconTrash,
  IconVideo,
} from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { type PushClient, pushClientsQuery, removePushClient, setPushCamera } from "@/api/pushClients";
import { camerasQuery, queryClient } from "@/api/queries";
import { Ask } from "@/parts/Ask";
import { LinkButton } from "@/parts/links";
import { tellDone, tellFailure } from "@/parts/notices";
import { type Column, RowTable } from "@/parts/RowTable";
import { Empty, Failure, Loading } from "@/parts/states";
import { AddPushClient } from "./AddPushClient";

const refresh = (): Promise<unknown> =>
  Promise.all([
    queryClient.invalidateQueries({ queryKey: pushClientsQuery.queryKey }),
    queryClient.invalidateQueries({ queryKey: camerasQuery.queryKey }),
  ]);

/** Clients of the result socket: who may push, what they push now, and which of them are cameras. */
export function PushClients() {
  const { t } = useTranslation();
  const list = useQuery(pushClientsQuery);
  const [adding, setAdding] = useState(false);
  const [doomed, setDoomed] = useState<PushClient | null>(null);
  const remove = useMutation({
    mutationFn: (client: PushClient) => removePushClient(client.id),
    onSuccess: async (_nothing, client) => {
      setDoomed(null);
      tellDone(t("push.removed", { name: client.name }));
      await refresh();
    },
    onError: tellFailure,
  });
  const cameras = useQuery(camerasQuery).data ?? [];
  const columns: Column<PushClient>[] = [
    {
      name: t("entry.name"),
      cell: (client) => (
        <>
          <strong>{client.name}</strong>
          <div className="hc-dim hc-small">{client.connections.map((one) => one.peer).join(", ")}</div>
        </>
      ),
    },
    { name: t("push.state"), cell: (client) => <State isConnected={client.connections.length > 0} /> },
    { name: t("push.pushes"), cell: (client) => <Pushed client={client} /> },
    {
      name: t("push.camera"),
      cell: ({ camera }) => (
        <AsCamera id={camera} name={cameras.find((row) => row.id === camera)?.name ?? null} />
      ),
    },
  ];
  if (list.isPending) return <Loading rows={3} height={52} />;
  if (list.data === undefined) return <Failure error={list.error} retry={() => void list.refetch()} />;
  const { listening, clients } = list.data;
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)}>
      {t("push.add")}
    </Button>
  );
  return (
    <Stack gap="md">
      {!listening && (
        <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />} title={t("push.closed")}>
          {t("push.closedHint")}
        </Alert>
      )}
      {clients.length === 0 ? (
        <Empty icon={IconDeviceLaptop} title={t("push.none")} hint={t("push.noneHint")}>
          {add}
        </Empty>
      ) : (
        <>
          <Group justify="space-between" align="center" gap="sm">
            <p className="hc-dim hc-push-hint">{t("push.hint")}</p>
            {add}
          </Group>
          <RowTable
            rows={clients}
            columns={columns}
            keyOf={(client) => client.id}
            actions={(client) => <Actions client={client} remove={() => setDoomed(client)} />}
          />
        </>
      )}
      {adding && <AddPushClient close={() => setAdding(false)} added={refresh} />}
      {doomed !== null && (
        <Ask
          title={t("push.removeTitle", { name: doomed.name })}
          hint={t("push.removeHint")}
          yes={t("push.remove")}
          isPending={remove.isPending}
          answer={() => remove.mutate(doomed)}
          close={() => setDoomed(null)}
        />
      )}
    </Stack>
  );
}

function State({ isConnected }: { isConnected: boolean }) {
  const { t } = useTranslation();
  return (
    <span className="hc-pill" data-state={isConnected ? "live" : "disabled"}>
      <i aria-hidden />
      {isConnected ? t("push.connected") : t("push.away")}
    </span>
  );
}

function AsCamera({ id, name }: { id: string | null; name: string | null }) {
  const { t } = useTranslation();
  if (id === null) return <span className="hc-dim">{t("push.judged")}</span>;
  return (
    <LinkButton
      to="/live/$cameraId"
      params={{ cameraId: id }}
      variant="subtle"
      size="compact-sm"
      ml={-8}
      leftSection={<IconVideo size={15} />}
    >
      {name ?? id}
    </LinkButton>
  );
}

function Actions({ client, remove }: { client: PushClient; remove: () => void }) {
  const { t } = useTranslation();
  const change = useMutation({
    mutationFn: (wanted: boolean) => setPushCamera(client.id, wanted),
    onSuccess: async (_client, wanted) => {
      tellDone(t(wanted ? "push.isCamera" : "push.isJudged", { name: client.name }));
      await refresh();
    },
    onError: tellFailure,
  });
  return (
    <Menu position="bottom-end" width={210} withinPortal>
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          loading={change.isPending}
          aria-label={t("push.actionsOf", { name: client.name })}
        >
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={<IconVideo size={16} />}
          onClick={() => change.mutate(client.camera === null)}
        >
          {client.camera === null ? t("push.makeCamera") : t("push.noCamera")}
        </Menu.Item>
        <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={remove}>
          {t("push.remove")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Pushed({ client }: { client: PushClient }) {
  const { t } = useTranslation();
  const streams = client.connections.flatMap((one) => one.streams);
  if (streams.length === 0) return <span className="hc-dim">{t("push.nothing")}</span>;
  return streams.map((stream) => (
    <div key={`${stream.stream} ${stream.source}`}>
      {stream.source || stream.stream}
      <div className="hc-dim hc-small hc-num">
        {[
          stream.codec.toUpperCase(),
          stream.transport.toUpperCase(),
          ...stream.modules,
          t("push.units", { count: stream.units }),
          ...(stream.lost_packets > 0 ? [t("push.lost", { count: stream.lost_packets })] : []),
        ].join(" · ")}
      </div>
    </div>
  ));
}
