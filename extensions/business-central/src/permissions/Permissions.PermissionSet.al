permissionset 50100 "BH Returns Read"
{
    Caption = 'Backhaul returns, reading';
    Assignable = true;
    Permissions =
        table "BH Return Request" = X, tabledata "BH Return Request" = R,
        table "BH Return Request Line" = X, tabledata "BH Return Request Line" = R,
        table "BH Setup View" = X, tabledata "BH Setup View" = R,
        page "BH API Capabilities" = X, page "BH API Return Requests" = X, page "BH API Request Lines" = X,
        page "BH API Ret. Orders" = X, page "BH API Ret. Order Lines" = X,
        page "BH API P. Ret. Receipts" = X, page "BH API P. Ret. Receipt Lines" = X,
        page "BH API P. Credit Memos" = X, page "BH API P. Credit Memo Lines" = X,
        page "BH API Item Journal Batches" = X, page "BH API Item Journal Lines" = X,
        page "BH API Item Ledger Entries Ext" = X, page "BH API Value Entries" = X, page "BH API Item Appl. Entries" = X,
        page "BH API Gl Entries Ext" = X, page "BH API Cust Ledger Entries" = X, page "BH API Vat Entries" = X,
        page "BH API Items Ext" = X, page "BH API Item Variants Ext" = X, page "BH API Locations Ext" = X,
        page "BH API Item References" = X, page "BH API Return Reasons" = X, page "BH API Vat Posting Setups" = X,
        page "BH API Gen. Post. Setups" = X, query "BH API Returnable Lines" = X;
}

// What the application user of Backhaul gets, besides a permission set of the base application that lets it post sales and item journals.
permissionset 50101 "BH Returns Post"
{
    Caption = 'Backhaul returns, posting';
    Assignable = true;
    IncludedPermissionSets = "BH Returns Read";
    Permissions =
        tabledata "BH Return Request" = RIM,
        tabledata "BH Return Request Line" = RIM,
        codeunit "BH Return Processing" = X, codeunit "BH Return Step" = X;
}
