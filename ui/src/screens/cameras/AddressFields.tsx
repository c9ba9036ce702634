import { PasswordInput, SegmentedControl, SimpleGrid, Stack, TextInput } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useTranslation } from "react-i18next";
import type { Transport } from "@/api/types";
import { AddressKind } from "./AddressKind";
import { recognise } from "./addressKind";

export interface Address {
  url: string;
  username: string;
  password: string;
  transport: Transport;
}

interface AddressFieldsProps {
  value: Address;
  change: (value: Address) => void;
  /** A stored name and password exist: they are never shown, only replaced. */
  stored?: boolean;
  /** Says what the address is, and what others look like. */
  helps?: boolean;
}

export function AddressFields({ value, change, stored = false, helps = false }: AddressFieldsProps) {
  const { t } = useTranslation();
  const narrow = useMediaQuery("(max-width: 520px)", false, { getInitialValueInEffect: false });
  const set = (edit: Partial<Address>): void => change({ ...value, ...edit });
  const found = recognise(value.url);
  const held = stored ? t("cameras.unchanged") : "";
  return (
    <Stack gap="sm">
      <TextInput
        label={t("cameras.url")}
        description={t("cameras.urlHint")}
        placeholder="rtsp://192.168.1.20:554/stream1"
        value={value.url}
        onChange={(event) => set({ url: event.currentTarget.value })}
        autoComplete="off"
        spellCheck={false}
        inputMode="url"
        required
        classNames={{ input: "hc-mono" }}
      />
      {helps && <AddressKind found={found} url={value.url.trim()} />}
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm">
        <TextInput
          label={t("cameras.user")}
          placeholder={held}
          value={value.username}
          onChange={(event) => set({ username: event.currentTarget.value })}
          autoComplete="off"
        />
        <PasswordInput
          label={t("cameras.password")}
          placeholder={held}
          value={value.password}
          onChange={(event) => set({ password: event.currentTarget.value })}
          autoComplete="new-password"
          visibilityToggleButtonProps={{ "aria-label": t("entry.showPassword") }}
        />
      </SimpleGrid>
      {(found.kind === "rtsp" || found.kind === "empty") && (
        <div>
          <div className="hc-label" id="transport-label">
            {t("cameras.transport")}
          </div>
          <SegmentedControl
            size="xs"
            orientation={narrow ? "vertical" : "horizontal"}
            fullWidth={narrow}
            aria-labelledby="transport-label"
            value={value.transport}
            onChange={(transport) => set({ transport: transport as Transport })}
            data={[
              { value: "auto", label: t("cameras.autoHint") },
              { value: "tcp", label: `TCP · ${t("cameras.tcpHint")}` },
              { value: "udp", label: `UDP · ${t("cameras.udpHint")}` },
            ]}
          />
        </div>
      )}
    </Stack>
  );
}

export function credentials({ username, password }: Address): { username?: string; password?: string } {
  return { ...(username === "" ? {} : { username }), ...(password === "" ? {} : { password }) };
}
