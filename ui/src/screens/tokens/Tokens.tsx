import { ActionIcon, Button, NativeSelect, Tooltip } from "@mantine/core";
import { IconDeviceTv, IconPlus, IconTrash } from "@tabler/icons-react";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { camerasQuery, queryClient, sessionQuery } from "@/api/queries";
import { type ReadToken, readTokensQuery, removeReadToken } from "@/api/readTokens";
import { useClock } from "@/app/site";
import { Ask } from "@/parts/Ask";
import { tellDone, tellFailure } from "@/parts/notices";
import { Page } from "@/parts/Page";
import { type Column, RowTable } from "@/parts/RowTable";
import { Empty, Failure, Loading } from "@/parts/states";
import { Addresses } from "./Addresses";
import { AddToken } from "./AddToken";
import "./tokens.css";

const refresh = (): Promise<unknown> => queryClient.invalidateQueries({ queryKey: readTokensQuery.queryKey });

/** What players and other systems watch with: one's own tokens, and everybody's for an administrator. */
export function Tokens() {
  const { t } = useTranslation();
  const list = useQuery(readTokensQuery);
  const [adding, setAdding] = useState(false);
  const [doomed, setDoomed] = useState<ReadToken | null>(null);
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)}>
      {t("tokens.add")}
    </Button>
  );
  return (
    <Page title={t("tokens.title")} actions={add}>
      <p className="hc-dim hc-token-intro">{t("tokens.intro")}</p>
      {list.isPending && <Loading rows={3} height={52} />}
      {list.isError && list.data === undefined && (
        <Failure error={list.error} retry={() => void list.refetch()} />
      )}
      {list.data?.length === 0 && (
        <Empty icon={IconDeviceTv} title={t("tokens.none")} hint={t("tokens.noneHint")} />
      )}
      {list.data !== undefined && list.data.length > 0 && (
        <TokenTable tokens={list.data} revoke={setDoomed} />
      )}
      <AddressPanel />
      {adding && <AddToken close={() => setAdding(false)} added={refresh} />}
      {doomed !== null && <Revoke token={doomed} close={() => setDoomed(null)} />}
    </Page>
  );
}

function TokenTable({ tokens, revoke }: { tokens: ReadToken[]; revoke: (token: ReadToken) => void }) {
  const { t } = useTranslation();
  const clock = useClock();
  const me = useQuery(sessionQuery).data?.user;
  const cameras = useQuery(camerasQuery).data ?? [];
  const names = (token: ReadToken): string =>
    token.cameras === null
      ? t("tokens.allOf")
      : token.cameras.map((id) => cameras.find((one) => one.id === id)?.name ?? id).join(", ");
  const until = (token: ReadToken): string => {
    if (token.expires_ms === null) return t("tokens.never");
    if (token.expires_ms <= Date.now()) return t("tokens.expired");
    return clock.date(token.expires_ms);
  };
  const columns: Column<ReadToken>[] = [
    {
      name: t("entry.name"),
      cell: (token) => (
        <>
          <strong>{token.name}</strong>
          {token.user_id !== me?.id && <div className="hc-dim hc-small">{token.user}</div>}
        </>
      ),
    },
    { name: t("tokens.shows"), cell: names, labelled: true },
    {
      name: t("tokens.used"),
      cell: (token) => (token.used_ms === null ? t("tokens.unused") : clock.dateTime(token.used_ms)),
      labelled: true,
    },
    { name: t("tokens.lasts"), cell: until, labelled: true },
  ];
  return (
    <RowTable
      rows={tokens}
      columns={columns}
      keyOf={(token) => token.id}
      actions={(token) => (
        <Tooltip label={t("tokens.revoke")}>
          <ActionIcon
            variant="subtle"
            color="red"
            size="lg"
            onClick={() => revoke(token)}
            aria-label={t("tokens.revokeOf", { name: token.name })}
          >
            <IconTrash size={17} />
          </ActionIcon>
        </Tooltip>
      )}
    />
  );
}

function AddressPanel() {
  const { t } = useTranslation();
  const cameras = useQuery(camerasQuery).data ?? [];
  const [picked, setPicked] = useState("");
  const camera = picked || cameras[0]?.id;
  if (camera === undefined) return null;
  return (
    <section className="hc-token-addresses">
      <h2>{t("tokens.addresses")}</h2>
      <p className="hc-dim">{t("tokens.addressesHint")}</p>
      <NativeSelect
        label={t("tokens.addressesOf")}
        value={camera}
        onChange={(event) => setPicked(event.currentTarget.value)}
        data={cameras.map((one) => ({ value: one.id, label: one.name }))}
        mb="md"
      />
      <Addresses camera={camera} />
    </section>
  );
}

function Revoke({ token, close }: { token: ReadToken; close: () => void }) {
  const { t } = useTranslation();
  const remove = useMutation({
    mutationFn: () => removeReadToken(token.id),
    onSuccess: async () => {
      close();
      tellDone(t("tokens.revoked", { name: token.name }));
      await refresh();
    },
    onError: tellFailure,
  });
  return (
    <Ask
      title={t("tokens.revokeOf", { name: token.name })}
      hint={t("tokens.revokeHint")}
      yes={t("tokens.revoke")}
      isPending={remove.isPending}
      answer={() => remove.mutate()}
      close={close}
    />
  );
}
