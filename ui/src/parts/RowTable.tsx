import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

export interface Column<R> {
  name: string;
  cell: (row: R) => ReactNode;
  /** On a phone the head of the table is gone: then this cell says its column's name itself. */
  labelled?: boolean;
  dim?: boolean;
}

interface RowTableProps<R> {
  rows: readonly R[];
  columns: readonly Column<R>[];
  keyOf: (row: R) => string;
  /** What can be done with a row, in the last column. */
  actions: (row: R) => ReactNode;
}

/** A list of things with a name, some facts each, and something to do about each. */
export function RowTable<R>({ rows, columns, keyOf, actions }: RowTableProps<R>) {
  const { t } = useTranslation();
  return (
    <div className="hc-table-wrap hc-row-table">
      <table className="hc-table">
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name}>{column.name}</th>
            ))}
            <th>
              <span className="hc-visually-hidden">{t("cameras.actions")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((column) => (
                <td
                  key={column.name}
                  className={column.dim === true ? "hc-dim" : undefined}
                  data-label={column.labelled === true ? column.name : undefined}
                >
                  {column.cell(row)}
                </td>
              ))}
              <td className="hc-row-actions">{actions(row)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
