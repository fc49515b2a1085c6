// Makes a return order of a request, receives it and invoices it. Every step looks first whether it was done: a step that is asked for
// twice answers with what the first one made.
codeunit 50100 "BH Return Processing"
{
    TableNo = "BH Return Request";

    var
        NothingToReturnErr: Label 'Line %1: nothing of item %2 on %3 can be returned.', Comment = '%1 = external line id, %2 = item, %3 = document';
        TooManyOriginalsErr: Label 'Line %1: item %2 stands on several lines of %3; say which by its item ledger entry.', Comment = '%1 = external line id, %2 = item, %3 = document';
        TotalDiffersErr: Label 'The return order comes to %1 including VAT, not to %2.', Comment = '%1 = amount, %2 = amount';
        NotReceivedErr: Label 'Return request %1 is not received yet.', Comment = '%1 = external id';

    // --- the order -------------------------------------------------------------------------------------

    procedure Validate(var Request: Record "BH Return Request")
    var
        RequestLine: Record "BH Return Request Line";
        Entry: Integer;
    begin
        Request.TestField("Customer No.");
        Lines(Request, RequestLine);
        RequestLine.FindSet();
        repeat
            Entry := CostLink(RequestLine);
        until RequestLine.Next() = 0;
    end;

    procedure MakeOrder(var Request: Record "BH Return Request")
    var
        SalesHeader: Record "Sales Header";
        RequestLine: Record "BH Return Request Line";
    begin
        Request.LockTable();
        Request.Get(Request."Source System", Request."External Id");
        if not IsNullGuid(Request."Return Order Id") then
            exit;
        SalesHeader.Init();
        SalesHeader."Document Type" := SalesHeader."Document Type"::"Return Order";
        SalesHeader.Insert(true);
        SalesHeader.SetHideValidationDialog(true);
        SalesHeader.Validate("Sell-to Customer No.", Request."Customer No.");
        if Request."Posting Date" <> 0D then
            SalesHeader.Validate("Posting Date", Request."Posting Date");
        if Request."Document Date" <> 0D then
            SalesHeader.Validate("Document Date", Request."Document Date");
        SalesHeader.Validate("Currency Code", Request."Currency Code");
        if Request."Location Code" <> '' then
            SalesHeader.Validate("Location Code", Request."Location Code");
        SalesHeader.Validate("External Document No.", Request."External Document No.");
        SalesHeader.Validate("Your Reference", Request."Your Reference");
        SalesHeader.Validate("Reason Code", Request."Reason Code");
        if Request."Applies-to Invoice No." <> '' then begin
            SalesHeader.Validate("Applies-to Doc. Type", SalesHeader."Applies-to Doc. Type"::Invoice);
            SalesHeader.Validate("Applies-to Doc. No.", Request."Applies-to Invoice No.");
        end;
        SalesHeader.Modify(true);
        Lines(Request, RequestLine);
        if RequestLine.FindSet() then
            repeat
                MakeLine(SalesHeader, RequestLine);
            until RequestLine.Next() = 0;
        Request."Return Order Id" := SalesHeader.SystemId;
        Request."Return Order No." := SalesHeader."No.";
        Request.Status := Request.Status::Ordered;
        TakeTotals(Request, SalesHeader);
        Request.Modify();
    end;

    local procedure MakeLine(SalesHeader: Record "Sales Header"; var RequestLine: Record "BH Return Request Line")
    var
        SalesLine: Record "Sales Line";
        Entry: Integer;
    begin
        SalesLine.Init();
        SalesLine."Document Type" := SalesHeader."Document Type";
        SalesLine."Document No." := SalesHeader."No.";
        SalesLine."Line No." := RequestLine."Sort No.";
        case RequestLine.Type of
            RequestLine.Type::Item:
                SalesLine.Validate(Type, SalesLine.Type::Item);
            RequestLine.Type::Account:
                SalesLine.Validate(Type, SalesLine.Type::"G/L Account");
        end;
        if RequestLine.Type <> RequestLine.Type::Comment then begin
            SalesLine.Validate("No.", RequestLine."No.");
            // the order decides: a reason may move the goods, and the cost link wins over a reason's zero value
            SalesLine.Validate("Variant Code", RequestLine."Variant Code");
            if RequestLine."Unit of Measure Code" <> '' then
                SalesLine.Validate("Unit of Measure Code", RequestLine."Unit of Measure Code");
            SalesLine.Validate(Quantity, RequestLine.Quantity);
            SalesLine.Validate("Return Reason Code", RequestLine."Return Reason Code");
            if RequestLine."Location Code" <> '' then
                SalesLine.Validate("Location Code", RequestLine."Location Code");
            if RequestLine."Bin Code" <> '' then
                SalesLine.Validate("Bin Code", RequestLine."Bin Code");
            if RequestLine."VAT Prod. Posting Group" <> '' then
                SalesLine.Validate("VAT Prod. Posting Group", RequestLine."VAT Prod. Posting Group");
            Entry := CostLink(RequestLine);
            if Entry <> 0 then
                SalesLine.Validate("Appl.-from Item Entry", Entry);
            SalesLine.Validate("Unit Price", RequestLine."Unit Price");
            SalesLine.Validate("Line Discount Amount", RequestLine."Line Discount Amount");
        end;
        if RequestLine.Description <> '' then
            SalesLine.Description := RequestLine.Description;
        SalesLine.Insert(true);
        RequestLine."Appl.-from Item Entry" := Entry;
        RequestLine."VAT %" := SalesLine."VAT %";
        RequestLine.Modify();
    end;

    // Gives the entry the goods were sold with: the one the sender names, or the only one of that item on the document he names. Goods
    // that get no value, and goods that go out, have none.
    local procedure CostLink(RequestLine: Record "BH Return Request Line"): Integer
    var
        ReturnReason: Record "Return Reason";
        SalesInvoiceHeader: Record "Sales Invoice Header";
        SalesInvoiceLine: Record "Sales Invoice Line";
        TempItemLedgerEntry: Record "Item Ledger Entry" temporary;
        Found: Integer;
    begin
        if (RequestLine.Type <> RequestLine.Type::Item) or (RequestLine.Quantity <= 0) then
            exit(0);
        if ReturnReason.Get(RequestLine."Return Reason Code") then
            if ReturnReason."Inventory Value Zero" then
                exit(0);
        if (RequestLine."Appl.-from Item Entry" <> 0) or (RequestLine."Original Document No." = '') then
            exit(RequestLine."Appl.-from Item Entry");
        SalesInvoiceHeader.FilterGroup(-1);
        SalesInvoiceHeader.SetRange("No.", CopyStr(RequestLine."Original Document No.", 1, 20));
        SalesInvoiceHeader.SetRange("Order No.", CopyStr(RequestLine."Original Document No.", 1, 20));
        SalesInvoiceHeader.SetRange("External Document No.", RequestLine."Original Document No.");
        SalesInvoiceHeader.FilterGroup(0);
        if SalesInvoiceHeader.FindSet() then
            repeat
                SalesInvoiceLine.SetRange("Document No.", SalesInvoiceHeader."No.");
                SalesInvoiceLine.SetRange(Type, SalesInvoiceLine.Type::Item);
                SalesInvoiceLine.SetRange("No.", RequestLine."No.");
                SalesInvoiceLine.SetRange("Variant Code", RequestLine."Variant Code");
                if SalesInvoiceLine.FindSet() then
                    repeat
                        SalesInvoiceLine.GetItemLedgEntries(TempItemLedgerEntry, false);
                        TempItemLedgerEntry.SetFilter("Shipped Qty. Not Returned", '<=%1', -RequestLine.Quantity);
                        if TempItemLedgerEntry.FindSet() then
                            repeat
                                if (Found <> 0) and (Found <> TempItemLedgerEntry."Entry No.") then
                                    Error(TooManyOriginalsErr, RequestLine."External Line Id", RequestLine."No.", RequestLine."Original Document No.");
                                Found := TempItemLedgerEntry."Entry No.";
                            until TempItemLedgerEntry.Next() = 0;
                    until SalesInvoiceLine.Next() = 0;
            until SalesInvoiceHeader.Next() = 0;
        if Found = 0 then
            Error(NothingToReturnErr, RequestLine."External Line Id", RequestLine."No.", RequestLine."Original Document No.");
        exit(Found);
    end;

    local procedure TakeTotals(var Request: Record "BH Return Request"; SalesHeader: Record "Sales Header")
    begin
        SalesHeader.CalcFields(Amount, "Amount Including VAT");
        Request.Amount := SalesHeader.Amount;
        Request."Amount Including VAT" := SalesHeader."Amount Including VAT";
        Request."VAT Amount" := Request."Amount Including VAT" - Request.Amount;
    end;

    // --- posting ---------------------------------------------------------------------------------------

    procedure PostOrder(var Request: Record "BH Return Request"; Receive: Boolean; Invoice: Boolean)
    var
        SalesHeader: Record "Sales Header";
    begin
        Request.Get(Request."Source System", Request."External Id");
        if Request.Status = Request.Status::Invoiced then
            exit;
        if Receive and not Invoice and (Request.Status = Request.Status::Received) then
            exit;
        if not Receive and (Request.Status <> Request.Status::Received) then
            Error(NotReceivedErr, Request."External Id");
        MakeOrder(Request);
        SalesHeader.GetBySystemId(Request."Return Order Id");
        // only a released order has its VAT on its lines, so totals are compared after releasing and before posting
        Codeunit.Run(Codeunit::"Release Sales Document", SalesHeader);
        TakeTotals(Request, SalesHeader);
        Request.Modify();
        if (Request."Expected Amount Incl. VAT" <> 0) and (Request."Expected Amount Incl. VAT" <> Request."Amount Including VAT") then
            Error(TotalDiffersErr, Request."Amount Including VAT", Request."Expected Amount Incl. VAT");
        SalesHeader.Receive := Receive and (Request.Status <> Request.Status::Received);
        SalesHeader.Invoice := Invoice;
        Codeunit.Run(Codeunit::"Sales-Post", SalesHeader);
        TakeResult(Request);
    end;

    // Reads what was posted from the ledgers' own documents, not from what the posting said.
    procedure TakeResult(var Request: Record "BH Return Request")
    var
        ReturnReceiptHeader: Record "Return Receipt Header";
        SalesCrMemoHeader: Record "Sales Cr.Memo Header";
    begin
        if Request."Return Order No." = '' then
            exit;
        ReturnReceiptHeader.SetRange("Return Order No.", Request."Return Order No.");
        if ReturnReceiptHeader.FindLast() then begin
            Request."Return Receipt No." := ReturnReceiptHeader."No.";
            Request.Status := Request.Status::Received;
        end;
        SalesCrMemoHeader.SetRange("Return Order No.", Request."Return Order No.");
        if SalesCrMemoHeader.FindLast() then begin
            SalesCrMemoHeader.CalcFields(Amount, "Amount Including VAT");
            Request."Credit Memo Id" := SalesCrMemoHeader.SystemId;
            Request."Credit Memo No." := SalesCrMemoHeader."No.";
            Request.Amount := SalesCrMemoHeader.Amount;
            Request."Amount Including VAT" := SalesCrMemoHeader."Amount Including VAT";
            Request."VAT Amount" := Request."Amount Including VAT" - Request.Amount;
            Request.Status := Request.Status::Invoiced;
        end;
        Request."Last Error" := '';
        Request."Error Code" := '';
        Request.Modify();
        Commit();
    end;

    // Keeps what went wrong beside the request; what was posted all the same is read first.
    procedure Fail(var Request: Record "BH Return Request"; ErrorText: Text; ErrorCode: Text)
    begin
        Request.Get(Request."Source System", Request."External Id");
        TakeResult(Request);
        Request."Last Error" := CopyStr(ErrorText, 1, MaxStrLen(Request."Last Error"));
        Request."Error Code" := CopyStr(ErrorCode, 1, MaxStrLen(Request."Error Code"));
        if Request.Status = Request.Status::New then
            Request.Status := Request.Status::Failed;
        Request.Modify();
        Commit();
    end;

    local procedure Lines(Request: Record "BH Return Request"; var RequestLine: Record "BH Return Request Line")
    begin
        RequestLine.SetCurrentKey("Source System", "External Id", "Sort No.");
        RequestLine.SetRange("Source System", Request."Source System");
        RequestLine.SetRange("External Id", Request."External Id");
    end;
}
