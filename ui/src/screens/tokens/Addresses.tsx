import { Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { addressesQuery, type NewReadToken, shown } from "@/api/readTokens";
import { Failure, Loading } from "@/parts/states";
import { Copied } from "../cameras/DialCommand";
import "./tokens.css";

/** Where players find a camera: with the token that was just made, or without one. */
export function Addresses({ camera, made = null }: { camera: string; made?: NewReadToken | null }) {
  const { t } = useTranslation();
  const found = useQuery(addressesQuery(camera));
  if (found.isPending) return <Loading rows={3} height={52} />;
  if (found.data === undefined) return <Failure error={found.error} retry={() => void found.refetch()} />;
  return (
    <Stack gap="md" className="hc-addresses">
      {shown(found.data, location.origin, made).map(([way, address]) => (
        <Copied key={way} label={t(`tokens.${way}`)} hint={t(`tokens.${way}_hint`)} text={address} />
      ))}
    </Stack>
  );
}
